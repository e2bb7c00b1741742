"""Exporter ``embedding-atlas``."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from diffmine.builtin.projections.pca import Pca
from diffmine.drawing.crops import crops
from diffmine.interfaces import Exporter
from diffmine.runs.contents import Contents, Rows
from diffmine.runs.patch_tables import group_name, patch_table
from diffmine.types import ByteArray, FloatArray

SIDE = 96
CROP = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


class EmbeddingAtlas(Exporter):
    """A map for Embedding Atlas: Parquet with the crop of each patch, and its place by principal components.

    Open it with ``embedding-atlas FILE --image crop --x projection_x --y projection_y``. Crops are PNG, as records of
    ``bytes`` and ``path``; see https://apple.github.io/embedding-atlas/data-formats.html and
    https://apple.github.io/embedding-atlas/tool.html.
    """

    name = "embedding-atlas"
    suffix = ".parquet"
    binary = True

    def export(self, contents: Contents, rows: Rows) -> bytes:
        table = patch_table(contents, rows)
        groups = [group_name(one) for one in table.to_pylist()]
        images = [
            {"bytes": _png(one), "path": f"{number}.png"} for number, one in enumerate(crops(contents, rows, SIDE))
        ]
        plane = _plane(contents.run.features[np.asarray(rows, dtype=np.int64)])
        table = table.append_column("group", pa.array(groups, pa.string()))
        table = table.append_column(pa.field("crop", CROP), pa.array(images, CROP))
        for axis, name in enumerate(("projection_x", "projection_y")):
            table = table.append_column(name, pa.array(plane[:, axis], pa.float32()))
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        return buffer.getvalue()


def _plane(features: FloatArray) -> FloatArray:
    """The two leading principal components, float32, (patches, 2); 0 where there are fewer."""
    if not len(features):
        return np.zeros((0, 2), dtype=np.float32)
    found = Pca(Pca.Config(dimensions=2)).fit_transform(features, seed=0)
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


def _png(pixels: ByteArray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
