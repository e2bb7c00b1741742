"""What the events of running work add up to, and how that is put for people, wherever it is shown."""
