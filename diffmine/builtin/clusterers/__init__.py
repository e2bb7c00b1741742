"""Built-in clusterers, one a file."""
