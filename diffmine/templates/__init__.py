"""What new plugins are written from."""
