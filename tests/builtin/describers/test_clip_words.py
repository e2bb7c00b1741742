"""Describer ``clip-words``, on tiny checkpoints: they prove the code, and nothing of what a trained CLIP says.

In one of them the two projections are set so that pictures and words of a colour agree; there the right word is known.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel

from diffmine.builtin.describers.clip_space import ClipSpace
from diffmine.builtin.describers.clip_words import SIDE, ClipWords, word_scores
from diffmine.builtin.describers.vocabulary import shipped_vocabulary
from diffmine.drawing.crops import crops
from diffmine.errors import DataError, ModelError
from diffmine.testing.contracts.describers import DescriberContract
from diffmine.testing.memory_run import MemoryRun
from diffmine.testing.planted import planted_run
from diffmine.testing.toy_vision import tiny_clip, tiny_dino

WORDS = ["red", "green", "blue", "wheel", "hat"]
COLOURS = {"label0": "red", "label1": "green", "label2": "blue"}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's cache, for these tests."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def agreeing(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP whose projections send a colour's words, and crops of that colour, along the same axis."""
    folder = Path(shutil.copytree(checkpoint, tmp_path_factory.mktemp("agreeing") / "clip"))
    model = CLIPModel.from_pretrained(folder).eval()
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    run = planted_run(seed=1)
    axes, pictures = [], []
    for label, word in COLOURS.items():
        rows = run.contents.selected(label, "top")
        pictures += list(crops(run.contents, rows, SIDE))
        axes += [WORDS.index(word)] * len(rows)
    with torch.no_grad():
        pixels = processor(images=pictures, input_data_format="channels_last", return_tensors="pt")["pixel_values"]
        seen = model.vision_model(pixel_values=pixels).pooler_output.numpy()
        texts = [f"a photo of {word}" for word in WORDS]
        read = model.text_model(**tokenizer(texts, padding="max_length", max_length=77, return_tensors="pt"))
        width = model.visual_projection.weight.shape[0]
        model.visual_projection.weight.copy_(fitted(seen, axes, width))
        model.text_projection.weight.copy_(fitted(read.pooler_output.numpy(), range(len(WORDS)), width))
    model.save_pretrained(folder)
    return folder


def fitted(inputs: np.ndarray, axes: Sequence[int], width: int) -> torch.Tensor:
    """The matrix that sends each input nearest to its axis, (width, input width)."""
    weights, *_ = np.linalg.lstsq(inputs, np.eye(width)[list(axes)], rcond=1e-4)
    return torch.from_numpy(weights.T.astype(np.float32))


@pytest.fixture
def vocabulary(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("\n".join(WORDS))
    return path


class TestClipWords(DescriberContract):
    @pytest.fixture
    def describer(self, checkpoint: Path) -> ClipWords:
        return ClipWords(ClipWords.Config(path=str(checkpoint)))


def test_where_words_and_pictures_agree_the_colour_is_the_first_word(agreeing: Path, vocabulary: Path) -> None:
    describer = ClipWords(ClipWords.Config(path=str(agreeing), vocabulary=vocabulary, most=2))
    run = planted_run(seed=2)
    found = describer.words(run)
    assert len(found) == run.clusters.num_rows
    for one in found:
        assert one.words[0].text == COLOURS[one.label], found
        assert len(one.words) <= 2
        assert one.words[0].score > 0.3


def test_scores_are_those_of_a_plain_loop() -> None:
    generator = np.random.default_rng(0)
    means, texts = generator.normal(size=(4, 6)), generator.normal(size=(5, 6))
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    for place, row in enumerate(word_scores(means.astype(np.float32), texts.astype(np.float32))):
        others = [one for other, one in enumerate(means) if other != place]
        apart = means[place] - np.mean(others, axis=0)
        cosines = [text @ apart / np.linalg.norm(apart) for text in texts]
        np.testing.assert_allclose(row, np.array(cosines) - np.mean(cosines), atol=1e-5)
    alone = word_scores(means[:1].astype(np.float32), texts.astype(np.float32))[0]
    assert alone.argmax() == (texts @ means[0]).argmax()


def test_texts_are_embedded_as_clip_does_and_kept(checkpoint: Path, cache: Path) -> None:
    space, texts = ClipSpace(checkpoint, 2), ["a wheel", "a hat", "red"]
    before = set(cache.rglob("*.safetensors"))
    found = space.texts(texts, "some checkpoint")
    (kept,) = set(cache.rglob("*.safetensors")) - before
    model, tokenizer = CLIPModel.from_pretrained(checkpoint).eval(), AutoTokenizer.from_pretrained(checkpoint)
    for text, vector in zip(texts, found, strict=True):
        with torch.no_grad():
            pooled = model.text_model(**tokenizer([text], return_tensors="pt")).pooler_output
            expected = model.text_projection(pooled)[0].numpy()
        np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=1e-5)
    written = kept.stat().st_mtime_ns
    assert np.array_equal(space.texts(texts, "some checkpoint"), found)
    assert kept.stat().st_mtime_ns == written, "what is kept is not made again"
    kept.write_bytes(b"damaged")
    assert np.array_equal(space.texts(texts, "some checkpoint"), found)
    assert kept.stat().st_size > 100, "what is damaged is"


def test_the_key_holds_the_checkpoint_and_the_words_and_not_their_places(
    checkpoint: Path, vocabulary: Path, tmp_path: Path
) -> None:
    moved = shutil.copytree(checkpoint, tmp_path / "moved")
    copied = Path(shutil.copy(vocabulary, tmp_path / "copied.txt"))
    other = tiny_clip(tmp_path / "other", seed=1)
    (tmp_path / "more.txt").write_text("red\ngreen")

    def key(path: Path, words: Path | None) -> dict:
        return ClipWords(ClipWords.Config(path=str(path), vocabulary=words)).identity()

    assert key(checkpoint, vocabulary) == key(moved, copied)
    different = [key(other, vocabulary), key(checkpoint, None), key(checkpoint, tmp_path / "more.txt")]
    assert all(one != key(checkpoint, vocabulary) for one in different)


def test_the_vocabulary_that_ships_is_clean() -> None:
    words = shipped_vocabulary()
    assert 1500 <= len(words) <= 3000
    assert len(set(words)) == len(words)
    assert all(word == word.strip() and 2 < len(word) < 40 for word in words)
    assert {"headlight", "turban", "eyepatch", "full beard", "brick", "red", "stripes", "oil painting"} <= set(words)


def test_what_is_wrong_is_said(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"\{word\}"):
        ClipWords.Config(path="x", template="a photo")
    (tmp_path / "empty.txt").write_text("\n \n")
    for name, message in (("empty.txt", "no words"), ("missing.txt", "cannot be read")):
        describer = ClipWords(ClipWords.Config(path=str(checkpoint), vocabulary=tmp_path / name))
        with pytest.raises(DataError, match=message):
            describer.fingerprint()
    with pytest.raises(ModelError, match=r"'dinov2' model.*both sides"):
        ClipSpace(tiny_dino(tmp_path / "dino"), 4)


def test_a_run_without_clusters_loads_nothing() -> None:
    assert ClipWords(ClipWords.Config(path="nobody/nothing")).words(MemoryRun([])) == []
