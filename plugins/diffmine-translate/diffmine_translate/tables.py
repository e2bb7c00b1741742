"""The tables that the stage writes into the run folder.

``translations.parquet``, a row for each picture and label:

=====================  =================================================================================================
``image_id``           of ``images.parquet``
``source``             the label that the picture was inverted under
``target``             the label of this version; one of the picture's own: the version is the picture itself
``file``, ``column``   where the version is: the ``column``-th of the pictures side by side in ``file``
``translated``         whether it is a translation
``typicality``         mean over the version of T(version | target)
``influence``          mean over the version of the target's influence; null where the scorer gives none
``seen_as``            the label that the whole version speaks most for, by the diffusion classifier
``evidence``           how much it speaks for each label, in the order of the labels, sorted
``psnr``               of the version against the picture, dB
``reconstruction_psnr``  of the picture sampled under its own label against the picture, dB
=====================  =================================================================================================

``places.parquet``, a row for each place that is typical in all labels: ``place`` (its number), ``image_id``,
``source``, the box ``y0, x0, y1, x1``, ``co_typicality``, ``rank`` (0: the highest), ``cluster`` (-1: an outlier),
``distance`` to the centre of the cluster.

``place_changes.parquet``, a row for each place and label that its picture was translated to: ``place``, ``target``;
typicality of the place ``own_before`` T(picture | source), ``own_after`` T(translation | source), ``before``
T(picture | target), ``after`` T(translation | target); and its ``outcome``.

``place_clusters.parquet``: clusters of places, columns as of ``clusters.parquet``; typicality is co-typicality.

``trends.parquet``, a row for each cluster, source and target: ``places``, how many of them were ``kept``, ``changed``,
``lost``, ``gained``, ``absent`` (:data:`diffmine_translate.places.Outcome`), and of how many the whole translation is
``seen_as_target``.
"""

from __future__ import annotations

import pyarrow as pa

TRANSLATIONS = pa.schema(
    [
        ("image_id", pa.string()),
        ("source", pa.string()),
        ("target", pa.string()),
        ("file", pa.string()),
        ("column", pa.int32()),
        ("translated", pa.bool_()),
        ("typicality", pa.float32()),
        ("influence", pa.float32()),
        ("seen_as", pa.string()),
        ("evidence", pa.list_(pa.float64())),
        ("psnr", pa.float32()),
        ("reconstruction_psnr", pa.float32()),
    ]
)
PLACES = pa.schema(
    [
        ("place", pa.int32()),
        ("image_id", pa.string()),
        ("source", pa.string()),
        ("y0", pa.int32()),
        ("x0", pa.int32()),
        ("y1", pa.int32()),
        ("x1", pa.int32()),
        ("co_typicality", pa.float32()),
        ("rank", pa.int32()),
        ("cluster", pa.int32()),
        ("distance", pa.float32()),
    ]
)
CHANGES = pa.schema(
    [
        ("place", pa.int32()),
        ("target", pa.string()),
        ("own_before", pa.float32()),
        ("own_after", pa.float32()),
        ("before", pa.float32()),
        ("after", pa.float32()),
        ("outcome", pa.string()),
    ]
)
TRENDS = pa.schema(
    [
        ("cluster", pa.int32()),
        ("source", pa.string()),
        ("target", pa.string()),
        ("places", pa.int32()),
        *((name, pa.int32()) for name in ("kept", "changed", "lost", "gained", "absent")),
        ("seen_as_target", pa.int32()),
    ]
)
TRANSLATIONS_FILE = "translations.parquet"
PLACES_FILE = "places.parquet"
CHANGES_FILE = "place_changes.parquet"
CLUSTERS_FILE = "place_clusters.parquet"
TRENDS_FILE = "trends.parquet"
PICTURES = "translations"
"""The folder of the pictures: PNG, the versions of one picture side by side, in the order of the labels, sorted."""
