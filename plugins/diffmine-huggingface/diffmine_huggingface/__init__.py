"""A diffmine plugin that reads Hugging Face datasets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine import hookimpl

if TYPE_CHECKING:
    from diffmine.interfaces import Dataset

diffmine_interface = "1.0"
"""The version of diffmine's interfaces that this plugin was written for."""


@hookimpl
def diffmine_register_datasets() -> list[type[Dataset]]:
    """The datasets that this plugin adds."""
    from diffmine_huggingface.dataset import HuggingFace

    return [HuggingFace]
