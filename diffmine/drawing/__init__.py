"""Pictures of a run: what is shown in which order, crops, and figures. Used by reports, notebooks and commands."""
