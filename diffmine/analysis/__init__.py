"""The statistics of a run: what stands above chance, what belongs together, what a person should be warned of."""
