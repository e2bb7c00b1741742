"""How a recipe becomes a run: stages in order, what they cost, who failed."""
