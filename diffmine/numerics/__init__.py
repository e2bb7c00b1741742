"""Arrays, statistics and randomness that know nothing of runs."""
