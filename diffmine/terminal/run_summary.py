"""A finished run for machines."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from diffmine.runs.run import Run


def summary_json(run: Run) -> str:
    """A finished run for machines: where it is, its stages, metrics, warnings and flags."""
    done = run.info["stages"]
    summary = {
        "run": str(run.path),
        "name": run.info["name"],
        "complete": run.info["complete"],
        "stages": {name: {key: entry[key] for key in ("digest", "seconds", "reused")} for name, entry in done.items()},
        "metrics": run.metrics if "metrics" in done else {},
        "warnings": run.info["warnings"],
        "flags": [asdict(flag) for flag in run.flags],
    }
    return json.dumps(summary, indent=1, ensure_ascii=False)
