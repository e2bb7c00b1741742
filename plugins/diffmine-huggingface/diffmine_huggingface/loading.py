"""Loading a dataset from wherever it lies. Imports ``datasets``, which takes a second."""

from __future__ import annotations

from pathlib import Path

import datasets

from diffmine.errors import RecipeError

SAVED = ("state.json", "dataset_dict.json")
"""Files by which what ``save_to_disk`` wrote is known: of one dataset, and of one with several parts."""


def loaded(path: str, subset: str | None, split: str, revision: str | None) -> datasets.Dataset:
    """The part of a dataset that a recipe names, memory-mapped.

    Args:
        path: folder, or id on the hub.
        subset: the dataset's configuration.
        split: the part, in the syntax of ``datasets``.
        revision: on the hub.

    Raises:
        RecipeError: there is no such dataset or part, or diffmine reads it without this plugin.
    """
    for name in SAVED:
        if (Path(path) / name).is_file():
            folder = path if name == SAVED[0] else f"{path}/{split}"
            raise RecipeError(f'[dataset] path = {path!r} was saved to disk: set use = "arrow" and path = "{folder}"')
    try:
        return datasets.load_dataset(path, subset, split=split, revision=revision)
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise RecipeError(f"[dataset] path = {path!r}, split = {split!r} cannot be loaded: {error}") from None
