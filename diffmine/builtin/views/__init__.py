"""Built-in pages of the explorer, one a file."""
