"""Run folders: the public format, how it is written, read and shown."""
