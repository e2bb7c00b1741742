"""A genuine CLIP tokenizer with a small vocabulary: byte-pair encoding learned from a few prompts."""

from __future__ import annotations

import json
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

CONTEXT = 77
START, END = "<|startoftext|>", "<|endoftext|>"
MERGES = 200
CORPUS = """
a car from the 1920s. a car from the 1930s. a car from the 1940s. a car from the 1950s. a car. a face portrait of the
1890s. a face portrait. a google street view image in france. a google street view image in japan. a google street view
image in brazil. a google street view image in nigeria. a google street view image. image of kitchen. image of
restaurant. image of bedroom. chest x-ray with cardiomegaly. chest x-ray with effusion. chest x-ray with no finding.
chest x-ray. a photo of a town, a house, a tree, a street, a hat and round glasses. portrait of a person with a beard.
"""


def write_tokenizer(folder: Path, *, pad: str = END) -> int:
    """Write ``vocab.json``, ``merges.txt`` and the settings that ``CLIPTokenizer`` loads.

    Args:
        folder: receives them.
        pad: what texts are padded with.
    Returns:
        the number of tokens; the last two are the start and the end of a text.
    """
    folder.mkdir(parents=True, exist_ok=True)
    merges = _learn_merges()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*alphabet, *(f"{letter}</w>" for letter in alphabet), *("".join(pair) for pair in merges), START, END]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    (folder / "merges.txt").write_text("\n".join(lines) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps(_settings(pad), indent=1))
    return len(vocabulary)


def _learn_merges() -> list[tuple[str, str]]:
    tokenizer = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Whitespace(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2 * len(alphabet) + MERGES,
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS.split("\n"), trainer)
    learned = json.loads(tokenizer.to_str())["model"]["merges"]
    return [(first, second) for first, second in learned]


def _settings(pad: str) -> dict[str, object]:
    return {
        "tokenizer_class": "CLIPTokenizer",
        "model_max_length": CONTEXT,
        "bos_token": START,
        "eos_token": END,
        "unk_token": END,
        "pad_token": pad,
    }
