"""Built-in projections, one a file."""
