"""Built-in checks, one a file: the ways in which this method fails."""
