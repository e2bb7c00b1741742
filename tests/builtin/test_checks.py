from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw

from diffmine.numerics.seeding import numpy_generator
from diffmine.plugins.kinds import DEFAULT_CHECKS, KIND_OF_NAME
from diffmine.plugins.registry import registry
from diffmine.runs.tables import EVIDENCE
from diffmine.runs.telling import telling
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run
from diffmine.types import Box, Finding, Flag, ImageRecord, Patch, TypicalityMap

SIDE, PATCH = 48, 16


def found_by(name: str, run: MemoryRun) -> list[Finding]:
    """What a built-in check finds with its default options."""
    return list(registry().build(KIND_OF_NAME["checks"], name, {}).check(run))


def scene(generator: np.random.Generator) -> Image.Image:
    """A smooth picture with some texture."""
    coarse = generator.integers(30, 220, (4, 4, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((SIDE, SIDE), Image.Resampling.BICUBIC), dtype=float)
    return Image.fromarray(np.clip(smooth + generator.normal(0, 6, smooth.shape), 0, 255).astype(np.uint8))


def watermark(picture: Image.Image, opacity: float) -> Image.Image:
    layer = picture.copy()
    ImageDraw.Draw(layer).text((SIDE - 18, SIDE - 12), "ABC", fill="white")
    return Image.blend(picture, layer, opacity)


def lamp(picture: Image.Image, generator: np.random.Generator) -> tuple[Image.Image, Box]:
    """A pattern proper: a bright disc of any colour and size, anywhere."""
    y, x = (int(value) for value in generator.integers(0, SIDE - PATCH, 2))
    top, left, size = (int(value) for value in (*generator.integers(0, 6, 2), generator.integers(5, 11)))
    colour = tuple(int(value) for value in generator.integers(120, 255, 3))
    ImageDraw.Draw(picture).ellipse((x + left, y + top, x + left + size, y + top + size), fill=colour)
    return picture, Box(y, x, y + PATCH, x + PATCH)


def frame(picture: Image.Image) -> Image.Image:
    ImageDraw.Draw(picture).rectangle((0, SIDE - PATCH, SIDE, SIDE), fill="black")
    return picture


def picture_run(kinds: Sequence[str], images: int = 20) -> MemoryRun:
    """A label of each kind; its cluster shows what is special to it."""
    made = [(kind, number, *made) for kind in kinds for number, made in enumerate(_pictures(kind, images))]
    names = [f"{kind}{number:02}" for kind, number, _, _ in made]
    random = numpy_generator("random boxes").integers(0, SIDE - PATCH, (len(made), 2)).tolist()
    controls = [
        Patch(name, kind, Box(y, x, y + PATCH, x + PATCH), 0.0, 0.1, "random", rank)
        for rank, (name, (kind, *_), (y, x)) in enumerate(zip(names, made, random, strict=True))
    ]
    patches = [Patch(name, kind, box, 1.0, 0.1, "top", n) for name, (kind, n, _, box) in zip(names, made, strict=True)]
    return MemoryRun(
        [
            ImageRecord(name, name, (kind,), SIDE, SIDE, name, "train")
            for name, (kind, *_) in zip(names, made, strict=True)
        ],
        pictures={name: np.asarray(picture) for name, (_, _, picture, _) in zip(names, made, strict=True)},
        patches=[*patches, *controls],
        cluster=[*[0] * len(patches), *[None] * len(controls)],
    )


def _pictures(kind: str, images: int) -> Iterator[tuple[Image.Image, Box]]:
    generator = numpy_generator("pictures", kind)
    for _ in range(images):
        picture = scene(generator)
        y, x = (SIDE - PATCH - int(value) for value in generator.integers(0, 3, 2))
        if kind.startswith("mark"):
            yield watermark(picture, int(kind[4:]) / 100), Box(y, x, y + PATCH, x + PATCH)
        elif kind == "frame":
            place = int(generator.integers(0, SIDE - PATCH))
            yield frame(picture), Box(SIDE - PATCH, place, SIDE, place + PATCH)
        else:
            yield lamp(picture, generator)


@pytest.mark.parametrize("opacity", [100, 90])
def test_a_watermark_in_one_labels_pictures_is_noted(opacity: int) -> None:
    (finding,) = found_by("possible_shortcuts", picture_run([f"mark{opacity}", "lamp", "lamps"]))
    assert finding.sentence.startswith(f"label 'mark{opacity}', cluster 0: the same pixels at the same place")
    assert "at the border" in finding.sentence
    assert "nothing was covered" in finding.sentence, "there is no model to ask whether the label hangs on it"
    assert finding.flag == Flag(f"mark{opacity}", 0, "same pixels", finding.sentence, "note")


def test_a_frame_is_noted() -> None:
    (finding,) = found_by("possible_shortcuts", picture_run(["frame", "lamp"]))
    assert finding.sentence.startswith("label 'frame', cluster 0: the same pixels at the same place, ")
    assert "near-identical crops" in finding.sentence


def test_patterns_are_not_flagged() -> None:
    assert found_by("possible_shortcuts", picture_run(["lamp", "lamps"])) == []


def test_a_good_run_gives_no_warning() -> None:
    sound = planted_run(images=30, heldout=30)
    found = [one for name in DEFAULT_CHECKS for one in found_by(name, sound)]
    assert [one.sentence for one in found if one.flag is None or one.flag.severity == "warning"] == []


def margin_run(gap: float) -> MemoryRun:
    """Held-out images scored under their own label and another; ``gap`` is the difference in standard deviations."""
    generator = numpy_generator("margins")
    records, maps = [], []
    for number in range(60):
        own, other = ("a", "b") if number % 2 else ("b", "a")
        records.append(ImageRecord(f"{number}", f"{number}", (own,), 8, 8, f"{number}", "heldout"))
        for label, level in ((own, gap), (other, 0.0)):
            mean = np.full((8, 8), generator.normal(level), dtype=np.float32)
            maps.append(TypicalityMap(f"{number}", label, mean, np.ones_like(mean), 1))
    return MemoryRun(records, maps)


def test_a_model_that_knows_no_label_is_told() -> None:
    (finding,) = found_by("labels_not_learned", margin_run(0.0))
    assert "nothing shows that the labels were learned" in finding.sentence
    assert "of 60 held-out images" in finding.sentence
    assert finding.flag is None, "it is about no cluster"
    assert found_by("labels_not_learned", margin_run(2.0)) == []


@pytest.mark.parametrize(("low", "warned"), [(0.6, False), (0.45, True)])
def test_a_run_is_not_warned_against_what_its_answer_says(low: float, warned: bool) -> None:
    run = margin_run(0.0)
    run.info = {**run.info, "stages": {"metrics": {}}}
    run.metrics = {"label_auc": {"value": 0.7, "low": low, "high": 0.8, "chance": 0.5, "count": 60}}
    assert telling(run).told != warned
    assert bool(found_by("labels_not_learned", run)) == warned


def test_labels_without_a_patch_above_chance_are_told() -> None:
    run = planted_run(images=20)
    labels, q_values = run.patches["label"].to_pylist(), []
    for label, selection in zip(labels, run.patches["selection"].to_pylist(), strict=True):
        q_values.append(None if selection != "top" else 0.3 if label == run.labels[1] else 0.01)
    column = pa.array(q_values, pa.float32())
    run.patches = run.patches.set_column(run.patches.column_names.index("q_value"), "q_value", column)
    (finding,) = found_by("nothing_above_chance", run)
    assert finding.sentence.startswith(f"nothing typical stands out for {run.labels[1]!r} (q = 0.3 at best)")
    assert found_by("nothing_above_chance", planted_run()) == [], "nothing is said where nothing was tested"


def test_labels_with_too_small_a_null_are_not_said_to_be_silent() -> None:
    run = planted_run(images=20)
    rows = zip(run.patches["label"].to_pylist(), run.patches["selection"].to_pylist(), strict=True)
    values = [0.0625 if (label, selection) == (run.labels[0], "top") else None for label, selection in rows]
    at = run.patches.column_names.index("q_value")
    run.patches = run.patches.set_column(at, "q_value", pa.array(values, pa.float32()))
    row = {"table": "selected", "label": run.labels[0], "images": 5, "tests": 15, "nulls": 15, "smallest_q": 1 / 16}
    run.evidence = pa.Table.from_pylist([row], schema=EVIDENCE)
    (finding,) = found_by("nothing_above_chance", run)
    assert finding.sentence.startswith(
        f"cannot tell whether anything stands out for {run.labels[0]!r} (at best q = 0.0625)"
    )
    assert "scorer.null_labels" in finding.sentence


def logged(gaps: list[float]) -> MemoryRun:
    rows = [
        {"step": 100 * (n + 1), "loss": 1.0, "validation_loss": 1.0 - gap, "validation_null_loss": 1.0}
        for n, gap in enumerate(gaps)
    ]
    rows.insert(0, {"step": 50, "loss": 1.0, "validation_loss": None, "validation_null_loss": None})  # type: ignore[dict-item]
    return MemoryRun([], training_log=pa.Table.from_pylist(rows))


def test_steps_that_gained_nothing_are_told() -> None:
    (finding,) = found_by("finetuning_reached_its_end", logged([0.01, 0.06, 0.1, 0.1, 0.099, 0.101, 0.1, 0.1]))
    assert "gained nothing after step 300 of 800" in finding.sentence
    assert "finetune.steps = 300 would have done" in finding.sentence
    assert found_by("finetuning_reached_its_end", logged([0.01, 0.03, 0.05, 0.07, 0.08, 0.1])) == []
    assert (
        "taught the model nothing"
        in found_by("finetuning_reached_its_end", logged([0.0, -0.01, -0.01, 0.0]))[0].sentence
    )
    assert found_by("finetuning_reached_its_end", MemoryRun([])) == []


def test_mixed_clusters_are_told() -> None:
    run = planted_run(images=40)
    names = run.patches["cluster"].to_pylist()
    shuffled = iter(numpy_generator("mix").permutation([name for name in names if name is not None]).tolist())
    mixed = [None if name is None else next(shuffled) for name in names]
    run.patches = run.patches.set_column(run.patches.schema.get_field_index("cluster"), "cluster", pa.array(mixed))
    assert any("run into each other" in finding.sentence for finding in found_by("mixed_clusters", run))


def test_clusters_that_are_pure_without_clustering_are_not_called_mixed() -> None:
    records = [ImageRecord(f"{n}", f"{n}", ("a",), 8, 8, f"{n}", "train") for n in range(60)]
    patches = [Patch(one.image_id, "a", Box(0, 0, 8, 8), 1.0, 0.1, "top", n) for n, one in enumerate(records)]
    full = np.ones((8, 8), dtype=bool)
    masks = {one.image_id: {"a": full if n < 58 else ~full} for n, one in enumerate(records)}
    run = MemoryRun(records, masks=masks, patches=patches, cluster=[n % 2 for n in range(60)])
    assert [one.sentence for one in found_by("mixed_clusters", run) if "clusters are mixed" in one.sentence] == []


def test_a_cluster_of_two_images_is_told() -> None:
    records = [ImageRecord(name, name, ("a",), 64, 64, name, "train") for name in "xy"]
    boxes = [Box(y, x, y + 16, x + 16) for y in (0, 16, 32) for x in (0, 16)]
    patches = [Patch(name, "a", box, 1.0, 0.1, "top", 0) for name in "xy" for box in boxes]
    run = MemoryRun(records, patches=patches, cluster=[0] * len(patches))
    (finding,) = found_by("crops_from_few_images", run)
    assert "label 'a', cluster 0: its 12 patches come from 2 images" in finding.sentence
    assert finding.flag == Flag("a", 0, "from few images", finding.sentence)
