"""Dataset ``huggingface``."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from diffmine.interfaces import Dataset, DatasetConfig, ImageSource, PretrainedPath

if TYPE_CHECKING:
    import datasets


class HuggingFace(Dataset):
    """A dataset that the library ``datasets`` can load: from the hub, or a folder of Parquet files or pictures.

    It is read where it lies, memory-mapped, so that a million pictures cost no more memory than a hundred.
    """

    name = "huggingface"

    class Config(DatasetConfig):
        """Options of ``huggingface``."""

        path: PretrainedPath = Field(description="an id on the hub, or a folder of Parquet files or of pictures")
        subset: str | None = Field(None, description="name of the dataset's configuration, where it has several")
        split: str = Field("train", min_length=1, description="which part; train[:1000] and train+test are allowed too")
        revision: str | None = Field(None, description="branch, tag or commit on the hub; omitted: the newest")
        image: str | None = Field(None, description="column with the pictures; omitted: the only one that holds any")
        label: str = Field("label", min_length=1, description="column with the label, a list of labels, or their ids")

    config: Config

    def fingerprint(self) -> str:
        """Digest of names, sizes and times of change of the Arrow files.

        Raises:
            RecipeError: as ``open``.
        """
        files = sorted({entry["filename"] for entry in self._loaded().cache_files})
        states = [(name, status.st_size, status.st_mtime_ns) for name in files for status in [Path(name).stat()]]
        return hashlib.sha256(repr(states).encode()).hexdigest()

    def open(self, prepared: Path) -> ImageSource:
        """Open it.

        Raises:
            RecipeError: there is no such dataset, part or column.
        """
        from diffmine_huggingface.rows import Rows

        return Rows(self._loaded(), self.config.image, self.config.label)

    def _loaded(self) -> datasets.Dataset:
        from diffmine_huggingface.loading import loaded

        config = self.config
        return loaded(config.path, config.subset, config.split, config.revision)
