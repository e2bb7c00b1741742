"""Checkpoints that are whole or absent.

accelerate's ``save_state`` pickles the optimizer and the random states, so it is not used here: a checkpoint is one
safetensors file and one JSON file, in a folder that appears with a rename.
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmine.errors import DiffmineWarning
from diffmine.files.atomic import file_digest, sync_file, sync_folder, write_atomically

if TYPE_CHECKING:
    from torch import Tensor

_TENSORS = "state.safetensors"
_FACTS = "state.json"


class Checkpoints:
    """The checkpoints of one training.

    Attributes:
        folder: where they lie, one subfolder each.
        keep: how many; the oldest go first.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder, self.keep = folder, keep

    def write(self, step: int, tensors: dict[str, Tensor], facts: Mapping[str, Any]) -> None:
        """Write the state after ``step`` steps and remove what is older than the ``keep`` newest."""
        from safetensors.torch import save_file

        path = self.folder / f"checkpoint-{step:08d}"
        draft = self.folder / f".{path.name}.tmp"
        for leftover in (draft, path):
            shutil.rmtree(leftover, ignore_errors=True)
        draft.mkdir(parents=True)
        save_file(tensors, draft / _TENSORS)
        sync_file(draft / _TENSORS)
        content = {"digest": file_digest(draft / _TENSORS), "facts": dict(facts)}
        write_atomically(draft / _FACTS, json.dumps(content, allow_nan=False).encode())
        draft.rename(path)
        sync_folder(self.folder)
        for old in self._paths()[self.keep :]:
            shutil.rmtree(old)

    def latest(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and facts of the newest checkpoint that is whole; damaged ones are passed over with a warning."""
        for path in self._paths():
            try:
                return _read(path)
            except (OSError, ValueError, KeyError) as error:
                warnings.warn(
                    f"the checkpoint {path} is damaged ({error}) and is left out; training goes on from an older one",
                    DiffmineWarning,
                    stacklevel=2,
                )
        return None

    def _paths(self) -> list[Path]:
        """Folders of checkpoints, the newest first."""
        return sorted(self.folder.glob("checkpoint-*"), reverse=True)


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors.torch import load_file

    content = json.loads((path / _FACTS).read_bytes())
    if file_digest(path / _TENSORS) != content["digest"]:
        raise ValueError(f"the content of {_TENSORS} has changed")
    return load_file(path / _TENSORS), content["facts"]
