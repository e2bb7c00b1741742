"""Built-in reports, one a file."""
