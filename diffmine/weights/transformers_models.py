"""Parts of a checkpoint by transformers: quietly, whole, from safetensors. Imports no library that takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diffmine.errors import ModelError
from diffmine.weights.pretrained import check_whole

if TYPE_CHECKING:
    import torch


def load_part(load: Callable[..., Any], folder: Path, **options: Any) -> Any:
    """A part of a checkpoint, from one of transformers' ``from_pretrained`` methods; nothing is downloaded.

    Raises:
        ModelError: the part is missing, damaged, or a pickle.
    """
    from safetensors import SafetensorError

    try:
        with quiet():
            return load(folder, local_files_only=True, **options)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"{folder} cannot be loaded ({str(error).strip().splitlines()[0]}); it needs to be in the transformers "
            "layout, with weights as safetensors; where the hub has only pickled ones, convert them with "
            "save_pretrained, or give revision a converted branch (refs/pr/...)"
        ) from error


def load_weights(
    kind: Any, folder: Path, *, dtype: torch.dtype, variant: str | None = None, unused: tuple[str, ...] = ()
) -> Any:
    """A frozen network with every weight from the checkpoint, in evaluation mode.

    Args:
        kind: a class of transformers with ``from_pretrained``.
        unused: what the names of weights start with that may be missing.
    Raises:
        ModelError: see :func:`load_part`; or the checkpoint is of another architecture, so weights are missing, which
            transformers would draw at random.
    """
    options = {"use_safetensors": True, "dtype": dtype, "variant": variant, "output_loading_info": True}
    network, info = load_part(kind.from_pretrained, folder, **options)
    check_whole(folder, network, (name for name in info["missing_keys"] if not name.startswith(unused)))
    return network.eval().requires_grad_(False)


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' progress bars and load reports, on a screen that has its own; the settings are put back."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
