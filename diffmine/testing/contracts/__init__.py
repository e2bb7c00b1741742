"""Contract tests, one module a kind: subclass them, give your component in a fixture, and pytest does the rest."""
