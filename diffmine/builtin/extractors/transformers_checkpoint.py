"""What extractors with a transformers checkpoint share: options, identity, where it lies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, FeatureExtractor, PretrainedPath
from diffmine.weights.fingerprint import checkpoint_fingerprint
from diffmine.weights.pretrained import fetch


class PretrainedConfig(ComponentConfig):
    """Options of an extractor that loads a checkpoint."""

    path: PretrainedPath = Field(description="checkpoint: a folder in the transformers layout, or a hub id")
    revision: Annotated[str | None, OUTSIDE_KEY] = Field(
        None, description="branch, tag or commit of a hub id; omitted: its main branch"
    )
    local_files_only: Annotated[bool, OUTSIDE_KEY] = Field(
        False, description="never download; what is needed is in the cache"
    )
    batch_size: Annotated[int, OUTSIDE_KEY] = Field(
        16, ge=1, description="pictures in one pass; halved when memory runs out"
    )


class PretrainedExtractor(FeatureExtractor):
    """An extractor whose results depend on a checkpoint."""

    needs_model = False
    config: PretrainedConfig

    def fingerprint(self) -> str:
        """The checkpoint's content."""
        return checkpoint_fingerprint(self.config.path, self.config.revision)


def checkpoint_folder(config: PretrainedConfig) -> Path:
    """Where the checkpoint lies, downloaded if need be.

    Raises:
        ModelError: there is none.
    """
    return fetch(config.path, parts=("",), revision=config.revision, local_files_only=config.local_files_only)
