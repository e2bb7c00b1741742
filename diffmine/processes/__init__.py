"""Work in other processes: their failures, and their end when nobody waits for them any more."""
