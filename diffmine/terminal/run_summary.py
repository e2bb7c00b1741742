"""A finished run for machines."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffmine.run_folder import Run


def summary_json(run: Run) -> str:
    """A finished run for machines: where it is, its stages, metrics and warnings."""
    done = run.info["stages"]
    summary = {
        "run": str(run.path),
        "name": run.info["name"],
        "complete": run.info["complete"],
        "stages": {name: {key: entry[key] for key in ("digest", "seconds", "reused")} for name, entry in done.items()},
        "metrics": run.metrics if "metrics" in done else {},
        "warnings": run.info["warnings"],
    }
    return json.dumps(summary, indent=1, ensure_ascii=False)
