"""The commands, one a file. Each module has a ``command``; what takes time to import is imported inside it."""
