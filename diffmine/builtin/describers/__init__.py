"""Built-in describers, one a file."""
