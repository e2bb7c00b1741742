"""What each stage computes: from the artifacts it reads to the artifact it writes."""
