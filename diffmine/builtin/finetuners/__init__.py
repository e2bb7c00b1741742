"""Built-in finetuners, one a file."""
