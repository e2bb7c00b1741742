"""Files: names, digests, atomic writes."""
