"""Studies: many runs of one recipe that differ in a choice, and what the choice changes."""
