"""Published weights: which they are, and loading them whole or not at all."""
