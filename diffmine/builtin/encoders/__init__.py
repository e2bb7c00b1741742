"""Built-in conditioning encoders, one a file."""
