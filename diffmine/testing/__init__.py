"""Contract tests for components of every kind, and toys to run them on. Installed, so that plugins can use them."""
