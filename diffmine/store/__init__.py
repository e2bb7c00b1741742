"""Artifacts: content-addressed, complete or absent."""
