"""A run for machines: what ``diffmine run --json`` and ``diffmine show --json`` print."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from diffmine.runs.in_sample import why_no_p_values

if TYPE_CHECKING:
    from diffmine.runs.contents import Cluster, Contents
    from diffmine.runs.life import Element
    from diffmine.runs.run import Run


def summary_json(run: Run) -> str:
    """A run for machines: where it is, its stages, metrics, warnings, flags, and the clusters of each label.

    ``no_p_values`` says why patches have none, where that is because the model has learned from their pictures.
    """
    done = run.info["stages"]
    summary = {
        "run": str(run.path),
        "name": run.info["name"],
        "complete": run.info.get("complete", True),
        "stages": {
            name: {key: entry.get(key) for key in ("digest", "seconds", "reused")} for name, entry in done.items()
        },
        "metrics": run.metrics if "metrics" in done else {},
        "draws": run.draws_spent,
        "answer": asdict(run.answer) if "clusters" in done else None,
        "warnings": run.info["warnings"],
        "no_p_values": why_no_p_values(run) if "clusters" in done else None,
        "flags": [asdict(flag) for flag in run.flags],
        "life": None if run.life is None else [_element(one) for one in run.life.elements],
        "labels": {label: _label(run.contents, label) for label in run.contents.labels} if "clusters" in done else {},
    }
    return json.dumps(summary, indent=1, ensure_ascii=False)


def _element(one: Element) -> dict[str, Any]:
    """An element with its course, and its share of each label's pictures along their order."""
    facts = {key: _plain(value) for key, value in one.facts.items()}
    steps = [{key: _plain(value) for key, value in step.facts.items() if key != "element"} for step in one.steps]
    return {**facts, "course": one.course, "labels": steps}


def _label(contents: Contents, label: str) -> dict[str, Any]:
    """How many pictures, selected patches and outliers a label has, and its clusters by rank, as in their table."""
    return {
        "pictures": contents.run.all_records.counts().get(label, 0),
        "patches": len(contents.selected(label, contents.run.selection)),
        "chance": _chance(contents, label),
        "outliers": len(contents.outliers(label)),
        "clusters": [
            {
                **{key: _plain(value) for key, value in one.facts.items() if key != "label"},
                "marks": one.marks,
                "verdict": one.verdict.kind,
                **_noted(one),
            }
            for one in contents.clusters(label)
        ],
    }


def _noted(one: Cluster) -> dict[str, Any]:
    """What people say of a cluster; nothing where nobody has said anything."""
    said = {} if one.note is None else one.note.model_dump(exclude={"label", "cluster"}, exclude_none=True)
    return {**said, **({"parts": list(one.parts)} if one.parts else {})}


def _chance(contents: Contents, label: str) -> dict[str, Any]:
    """What can be said of a label's patches: ``above`` by q-values, null where nothing can; ``at_least`` by bounds."""
    one = contents.standings[label]
    told = one.tested > 0 and one.decidable
    return {
        "tested": one.tested,
        "above": one.above if told else None,
        "smallest_q": _plain(one.smallest_q),
        "at_least": one.typical if one.tested else None,
    }


def _plain(value: Any) -> Any:
    """JSON knows no NaN."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
