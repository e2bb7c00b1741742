"""Built-in kinds of figures, one a file."""
