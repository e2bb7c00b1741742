"""Parts of a pipeline on disk, equal for equal weights wherever they came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ORIGIN = "_name_or_path"


def save_part(part: Any, folder: Path) -> None:
    """Save a diffusers model as safetensors, without the path that it was once loaded from.

    That path would tell apart two runs with the same result, and a folder that is shared has no use for it.
    """
    part.save_pretrained(folder, safe_serialization=True)
    config = folder / "config.json"
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings.pop(ORIGIN, None)
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")
