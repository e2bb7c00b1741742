"""Built-in metrics, one a file."""
