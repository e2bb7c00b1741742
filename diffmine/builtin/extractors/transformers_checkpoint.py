"""What extractors with a transformers checkpoint share: options, identity, loading with clear errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from diffmine.builtin.pretrained import fetch
from diffmine.checkpoints import checkpoint_fingerprint
from diffmine.errors import ModelError
from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, FeatureExtractor, PretrainedPath

if TYPE_CHECKING:
    import torch


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


def load_part(load: Callable[..., Any], folder: Path, **options: Any) -> Any:
    """A part of a checkpoint, from one of transformers' ``from_pretrained`` methods.

    Raises:
        ModelError: the part is missing or damaged.
    """
    from safetensors import SafetensorError

    try:
        with _quiet():
            return load(folder, local_files_only=True, **options)
    except (OSError, ValueError, KeyError, ImportError, SafetensorError) as error:
        raise ModelError(
            f"[features] path: {folder} cannot be loaded ({str(error).strip().splitlines()[0]}); it needs to be in the "
            "transformers layout: config.json, preprocessor_config.json and weights as safetensors"
        ) from error


def load_network(load: Callable[..., Any], folder: Path, device: torch.device) -> Any:
    """A network with every weight from the checkpoint, in float32 and evaluation mode.

    Raises:
        ModelError: see :func:`load_part`; or the checkpoint is of another architecture, so weights are missing.
    """
    import torch

    network, info = load_part(load, folder, use_safetensors=True, dtype=torch.float32, output_loading_info=True)
    missing = sorted(name for name in info["missing_keys"] if not name.startswith("pooler."))
    if missing:
        raise ModelError(
            f"[features] path: {folder} lacks {len(missing)} weights of a {type(network).__name__}, such as "
            f"{missing[0]!r}; choose a checkpoint of this architecture"
        )
    return network.eval().requires_grad_(False).to(device)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without transformers' progress bars and load reports; what matters of them is raised by the loaders."""
    from transformers.utils import logging

    from diffmine.builtin.encoders.silence import without_progress_bars

    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        with without_progress_bars():
            yield
    finally:
        logging.set_verbosity(verbosity)
