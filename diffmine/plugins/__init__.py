"""How components are found: hooks, kinds, the registry."""
