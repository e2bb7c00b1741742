"""File names that a label cannot harm."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import Path

from diffmine.types import Origin

RUN_FILE = "run.json"
"""What makes a folder a run folder."""
_LONGEST = 40
_PREPARED: dict[Origin, str] = {"dataset": "prepared", "training": "prepared-training"}


def prepared_folder(images: Path, origin: Origin) -> Path:
    """Where a dataset's ``prepare`` leaves what ``open`` needs, below the artifact of the stage ``images``."""
    return images / _PREPARED[origin]


def model_folder(fold: int | None) -> str:
    """Where a run folder has the model that has learned from all training images, or from all but those of a fold."""
    return "model" if fold is None else f"model/fold-{fold}"


def fitted_folder(artifact: Path, fold: int | None) -> Path:
    """Where a scorer or extractor keeps what it has fitted, without the training images of a fold where there are
    folds, below the artifact of its stage; the folder is empty where it fits nothing.
    """
    return artifact / ("fitted" if fold is None else f"fitted-{fold}")


def slug(text: str) -> str:
    """A file name for any text: lower-case ASCII letters, digits and hyphens, then a digest of the text.

    Different texts give different names, none empty, none with dots or separators: ``"São Tomé"`` becomes
    ``"sao-tome-31e1c5"``.
    """
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")[:_LONGEST].strip("-")
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]
    return f"{words}-{digest}" if words else digest
