"""Built-in formats for patches, one a file."""
