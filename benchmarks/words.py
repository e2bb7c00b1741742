"""Do the words for clusters name the right place and the right colour? Clusters of drawn faces, whose truth is known.

Run ``python benchmarks/words.py FOLDER --seeds 4 5 6 7 8`` (a minute or two a seed on one core), or
``python benchmarks/words.py RUN --run`` for a finished run of drawn faces. ``--verbose`` prints every cluster.

Without ``--run`` crops are cut at the true masks, blurred and made noisy as maps are, and moved by a few pixels. They
are clustered twice: by their look (the features ``pixels``) and by the shape of the mask alone, as features do that do
not care for colour; so there are clusters of one colour, and clusters of all.

*Place*: right where the word holds for at least half of the members, by where the element's visible pixels lie in the
picture, give or take a twelfth of its side. *Colour*: the paint comes from the drawing, and people's names for it from
``NAMES``. A colour that is said first is right where at least half of the members' elements have it; saying none is
right where no colour is shared by 60 %. Clusters count whose members show their town's element in at least half of
the cases.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import diffmine
from diffmine.analysis.colour_terms import TERMS
from diffmine.analysis.ranking import rank_clusters
from diffmine.analysis.showing import shown_kind
from diffmine.builtin.datasets.avatar_drawing import element_colour
from diffmine.builtin.datasets.avatars import Avatars
from diffmine.builtin.describers.colour_shape import ColourShape
from diffmine.builtin.extractors.pixels import Pixels, PixelsExtraction
from diffmine.interfaces import ImageSource, PatchRequest, Progress
from diffmine.numerics.seeding import numpy_generator
from diffmine.numerics.upsampling import upsample, window_means
from diffmine.numerics.windows import choose_windows
from diffmine.pictures.decoding import decode
from diffmine.runs.contents import Cluster
from diffmine.runs.run import Run
from diffmine.testing.memory_run import MemoryRun
from diffmine.types import BoolArray, Box, FloatArray, ImageRecord, Patch, Picture, TypicalityMap

SIDE, PATCH, STRIDE, JITTER, CLUSTERS, FREQUENCY = 64, 16, 4, 3, 8, 0.8
SLACK = 1 / 12
NAMES: Mapping[str, tuple[str, ...]] = {
    "#262e33": ("black", "grey"), "#65c9ff": ("blue",), "#5199e4": ("blue",), "#25557c": ("blue",),
    "#e6e6e6": ("white", "grey"), "#929598": ("grey",), "#3c4f5c": ("grey", "blue"), "#b1e2ff": ("blue",),
    "#a7ffc4": ("green",), "#ffdeb5": ("beige", "orange"), "#ffafb9": ("pink",), "#ffffb1": ("yellow", "beige"),
    "#ff488e": ("pink",), "#ff5c5c": ("red", "pink"), "#ffffff": ("white",), "#a55728": ("brown",),
    "#2c1b18": ("black", "brown"), "#b58143": ("brown",), "#d6b370": ("beige", "yellow", "brown"),
    "#724133": ("brown",), "#4a312c": ("brown",), "#f59797": ("pink",), "#ecdcbf": ("beige",),
    "#c93305": ("red", "orange"), "#e8e1e1": ("white", "grey"),
}  # fmt: skip
"""What people call the paints of the style, looked at one by one; for some there are two words."""
PLACES = {"top": 0, "bottom": 2, "left": 0, "right": 2}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the words for one cluster are worth, and the true colours: a term -> the share of members that have it."""

    cluster: Cluster
    words: tuple[str, ...]
    place: bool
    colour: bool
    truth: Mapping[str, float]


def main() -> None:
    """Describe and tell."""
    options = _arguments()
    judged: list[Judged] = []
    if options.run:
        run = diffmine.load_run(options.folder)
        judged += judge(run, run.recipe.header.seed)
    for seed in [] if options.run else options.seeds:
        pictures = drawn(options.folder / f"faces-{options.per_label}-{seed}", seed, options.per_label)
        judged += [one for by in ("look", "shape") for one in judge(planted(*pictures, by, seed), seed)]
    if options.verbose:
        print("\n".join(map(told, judged)))
    print(f"{len(judged)} clusters: place {_share(judged, 'place')}, colour {_share(judged, 'colour')}")
    coloured = [one for one in judged if max(one.truth.values(), default=0.0) >= 0.6]
    print(f"{len(coloured)} of one colour: {_share(coloured, 'colour')}")
    for town in sorted({one.cluster.label for one in judged}):
        own = [one for one in judged if one.cluster.label == town]
        print(f"  {town}: {len(own)}, place {_share(own, 'place')}, colour {_share(own, 'colour')}")


def judge(run: Run, seed: int) -> Iterator[Judged]:
    """Hold what ``colour-shape`` says of each cluster that shows its town's element against the drawing."""
    found = {(one.label, one.cluster): one for one in ColourShape(ColourShape.Config()).words(run)}
    for cluster in (one for label in run.contents.labels for one in run.contents.clusters(label)):
        members = list(zip(run.contents.image_ids(cluster.rows), run.contents.boxes(cluster.rows), strict=True))
        showing = [
            (image_id, box, masks[cluster.label])
            for image_id, box in members
            if shown_kind(masks := run.masks(image_id), box) == cluster.label
        ]
        if 2 * len(showing) < len(members):
            continue
        description = found.get((cluster.label, cluster.cluster))
        words = tuple(word.text for word in description.words) if description else ()
        truth = _colours([run.records[image_id].path for image_id, _, _ in showing], seed)
        yield Judged(cluster, words, _placed(words, showing), _coloured(words, truth), truth)


def _colours(paths: Sequence[str], seed: int) -> dict[str, float]:
    """term -> the share of the pictures whose element people call so."""
    counts: Counter[str] = Counter()
    for path in paths:
        town, name = path.split("/")
        colour = element_colour(seed, town, int(name.removesuffix(".png")), SIDE, FREQUENCY)
        counts.update(NAMES[str(colour)])
    return {term: count / len(paths) for term, count in counts.most_common()}


def _coloured(words: Sequence[str], truth: Mapping[str, float]) -> bool:
    said = [word for word in words if word in TERMS]
    return truth.get(said[0], 0.0) >= 0.5 if said else max(truth.values()) < 0.6


def _placed(words: Sequence[str], showing: Sequence[tuple[str, Box, BoolArray]]) -> bool:
    said = next((word.split() for word in words if set(word.split()) <= {*PLACES, "centre"}), None)
    return said is not None and bool(np.mean([_lies(said, mask, box) for _, box, mask in showing]) >= 0.5)


def _lies(said: Sequence[str], mask: BoolArray, box: Box) -> bool:
    """Whether what is seen of the element lies there: a row, a column, a ninth or the centre of the picture."""
    yx = np.argwhere(mask[box.slices()]).mean(axis=0) + box[:2]
    y, x = (yx + 0.5) / mask.shape
    vertical = next((PLACES[word] for word in said if word in ("top", "bottom")), 1 if said == ["centre"] else None)
    sideways = next((PLACES[word] for word in said if word in ("left", "right")), 1 if said == ["centre"] else None)
    return all(
        third is None or third / 3 - SLACK <= value <= (third + 1) / 3 + SLACK
        for third, value in ((vertical, y), (sideways, x))
    )


def drawn(folder: Path, seed: int, per_label: int) -> tuple[list[ImageRecord], ImageSource]:
    """Draw the faces, or take those that lie there."""
    dataset = Avatars(Avatars.Config(per_label=per_label, size=SIDE, element_frequency=FREQUENCY))
    folder.mkdir(parents=True, exist_ok=True)
    dataset.prepare(folder, seed=seed, progress=Progress())
    source = dataset.open(folder)
    records = [ImageRecord(one.path, one.path, one.labels, SIDE, SIDE, one.path, "heldout") for one in source.scan()]
    return records, source


def planted(records: Sequence[ImageRecord], source: ImageSource, by: str, seed: int) -> MemoryRun:
    """A run whose maps are what an honest model would give, and whose clusters are made by ``look`` or ``shape``."""
    pictures = {one.image_id: decode(source.read(one.path), None) for one in records}
    masks = {one.image_id: dict(source.masks(one)) for one in records}
    maps = [_map(one, masks[one.image_id][one.labels[0]], seed) for one in records]
    patches = [patch for record, one in zip(records, maps, strict=True) for patch in _patches(record, one, masks, seed)]
    patches.sort(key=lambda one: (one.label, one.selection, -one.typicality))
    features = _features(patches, records, pictures, masks, by)
    cluster, rows = _clusters(patches, features, seed)
    return MemoryRun(
        records, maps, stride=STRIDE, masks=masks, pictures=pictures, patches=patches, cluster=cluster, clusters=rows,
        features=features,
    )  # fmt: skip


def _map(record: ImageRecord, mask: BoolArray, seed: int) -> TypicalityMap:
    """The mask, blurred, with the noise of few draws."""
    from scipy.ndimage import gaussian_filter

    cells = mask.reshape(SIDE // STRIDE, STRIDE, -1, STRIDE).mean(axis=(1, 3))
    noise = numpy_generator(seed, "map", record.path).normal(0, 0.1, cells.shape)
    mean = (gaussian_filter(cells, 1.4) + gaussian_filter(noise, 0.5)).astype(np.float32)
    return TypicalityMap(record.image_id, record.labels[0], mean)


def _patches(
    record: ImageRecord, one: TypicalityMap, masks: Mapping[str, Mapping[str, BoolArray]], seed: int
) -> Iterator[Patch]:
    """Three of the best crops, moved a little, where they show the element, and a random one."""
    generator = numpy_generator(seed, "patches", record.path)
    y, x = (int(value) for value in generator.integers(0, SIDE - PATCH + 1, 2))
    yield Patch(record.image_id, one.label, Box(y, x, y + PATCH, x + PATCH), 0.0, 0.1, "random", 0)
    merits = window_means(upsample(one.mean, STRIDE, SIDE, SIDE).astype(np.float64), PATCH)
    for _, box, merit in choose_windows([merits], [PATCH], 3):
        y, x = np.clip(np.array(box[:2]) + generator.integers(-JITTER, JITTER + 1, 2), 0, SIDE - PATCH).tolist()
        moved = Box(y, x, y + PATCH, x + PATCH)
        if shown_kind(masks[record.image_id], moved):
            yield Patch(record.image_id, one.label, moved, merit, 0.1, "top", 0)


def _features(
    patches: Sequence[Patch], records: Sequence[ImageRecord], pictures: Mapping[str, NDArray[np.uint8]],
    masks: Mapping[str, Mapping[str, BoolArray]], by: str,
) -> FloatArray:  # fmt: skip
    if by == "shape":
        rows = [masks[one.image_id][one.label][one.box.slices()].reshape(8, 2, 8, 2).mean((1, 3)) for one in patches]
        return np.stack(rows).reshape(len(rows), -1).astype(np.float32)
    extraction, known = PixelsExtraction(Pixels.Config()), {one.image_id: one for one in records}
    requests = [
        PatchRequest(Picture(known[one.image_id], pictures[one.image_id]), one.label, (one.box,)) for one in patches
    ]
    return np.concatenate(extraction.extract(requests)).astype(np.float32)


def _clusters(
    patches: Sequence[Patch], features: FloatArray, seed: int
) -> tuple[list[int | None], list[dict[str, object]]]:
    from sklearn.cluster import KMeans

    column: list[int | None] = [None] * len(patches)
    table: list[dict[str, object]] = []
    for label in sorted({one.label for one in patches}):
        rows = [row for row, one in enumerate(patches) if one.label == label and one.selection == "top"]
        members = KMeans(CLUSTERS, n_init=3, random_state=seed).fit_predict(features[rows])
        typicality = np.array([patches[row].typicality for row in rows], dtype=np.float32)
        ranked = rank_clusters(
            members.astype(np.int32), features[rows], typicality, [patches[row].image_id for row in rows]
        )
        for row, cluster in zip(rows, ranked.cluster.tolist(), strict=True):
            column[row] = cluster
        table += [{"label": label, **asdict(one)} for one in ranked.table]
    return column, table


def told(one: Judged) -> str:
    """A cluster in a line."""
    truth = ", ".join(f"{term} {share:.0%}" for term, share in list(one.truth.items())[:3])
    marks = f"{'' if one.place else 'PLACE '}{'' if one.colour else 'COLOUR'}".strip()
    where = f"{one.cluster.label}/{one.cluster.cluster} ({len(one.cluster.rows)})"
    return f"{where:20} said: {', '.join(one.words):50} true: {truth:40} {marks}"


def _share(judged: Sequence[Judged], what: str) -> str:
    right = sum(getattr(one, what) for one in judged)
    return f"{right} of {len(judged)} ({right / max(1, len(judged)):.0%})"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where pictures go; with --run, a finished run of drawn faces")
    parser.add_argument("--run", action="store_true", help="judge a finished run instead")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--per-label", type=int, default=100)
    parser.add_argument("--verbose", action="store_true", help="print every cluster")
    return parser.parse_args()


if __name__ == "__main__":
    main()
