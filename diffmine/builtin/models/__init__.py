"""Built-in diffusion models, one a file."""
