"""Dataset ``table``: pictures and their labels as an index file lists them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from diffmine.builtin.datasets.listing import listing_digest, require_folder
from diffmine.builtin.datasets.table_config import TableConfig
from diffmine.builtin.datasets.table_source import TableSource
from diffmine.interfaces import Dataset


class Table(Dataset):
    """Pictures and labels listed in a CSV, TSV, text, Parquet, JSON or JSON Lines file.

    Paths of further files (``index``, ``exclude``, ``only``, ``label_names``, ``boxes.index``) are relative to
    ``path``. Rows without a label or a path are passed over; rows of one picture are merged, their labels united.
    """

    name = "table"
    reads_listed_only = True
    Config = TableConfig
    config: TableConfig

    def fingerprint(self) -> str:
        """Digest of the index files, and of sizes and times of change of the pictures and masks that they list.

        Raises:
            DataError: a file or a column is missing, or a row is wrong.
        """
        source = self.open(Path())
        digest = hashlib.blake2b(digest_size=16)
        for path in source.index_files():
            digest.update(hashlib.blake2b(path.read_bytes()).digest())
        return f"{digest.hexdigest()} {listing_digest(source.listed_files())}"

    def open(self, prepared: Path) -> TableSource:
        require_folder(self.config.path, "path")
        return TableSource(self.config)
