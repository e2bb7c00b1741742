"""The vectors behind ``label-embedding``. Imports torch; loaded by the component only when it computes."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from diffmine.errors import ModelError
from diffmine.interfaces import Conditioning, Denoiser, PromptEncoder
from diffmine.numerics.seeding import torch_generator

FOLDER = "conditioning"
VECTORS = "label_embedding.safetensors"
LABELS = "labels.json"


class LabelVectors(PromptEncoder):
    """Rows of learned vectors; row 0 is the null condition, row i + 1 belongs to ``labels[i]``."""

    def __init__(self, labels: Sequence[str], tokens: Tensor, pooled: Tensor | None) -> None:
        """Take the vectors, already on the model's device.

        Args:
            labels: the labels, in the order of the rows.
            tokens: float32, (labels + 1, width).
            pooled: float32, (labels + 1, pooled width), for models that take one vector as well.
        """
        self.labels = tuple(labels)
        self._rows = {label: row for row, label in enumerate(self.labels, start=1)}
        self._vectors = torch.nn.ParameterDict(
            {"tokens": tokens} if pooled is None else {"tokens": tokens, "pooled": pooled}
        )

    @classmethod
    def random(cls, labels: Sequence[str], denoiser: Denoiser, *, seed: int, scale: float) -> LabelVectors:
        """Normal vectors, each drawn from a generator of its own label, so that further labels change none.

        Where the model brings a prior, labels are drawn from it and the null condition is the prior's.
        """

        def draw(part: str, width: int) -> Tensor:
            keys = [("null",), *(("label", label) for label in labels)]
            rows = [torch.randn(width, generator=torch_generator("label-embedding", seed, part, *key)) for key in keys]
            return scale * torch.stack(rows).to(denoiser.device)

        tokens = draw("tokens", denoiser.conditioning_width)
        prior = denoiser.condition_prior()
        if prior is not None:
            tokens = torch.cat([prior.null[None], prior.mean + prior.deviation * tokens[1:]])
        pooled = None if denoiser.pooled_width is None else draw("pooled", denoiser.pooled_width)
        return cls(labels, tokens, pooled)

    @classmethod
    def from_pretrained(cls, folder: Path, labels: Sequence[str], denoiser: Denoiser) -> LabelVectors:
        """Load what ``save`` wrote.

        Raises:
            ModelError: it is missing or damaged, does not fit the model, or never learned one of ``labels``.
        """
        try:
            known = json.loads((folder / FOLDER / LABELS).read_text())
            vectors = load_file(folder / FOLDER / VECTORS)
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelError(
                f"{folder / FOLDER} holds no label embedding: {error}; finetune the model again"
            ) from error
        unknown = sorted(set(labels) - set(known))
        if unknown:
            raise ModelError(
                f"the label embedding in {folder} never learned {', '.join(map(repr, unknown))}; "
                f"it knows {', '.join(map(repr, known))}; finetune again, or keep these with [dataset] labels"
            )
        _check_width("tokens", vectors["tokens"], denoiser.conditioning_width)
        return cls(known, vectors["tokens"].to(denoiser.device), _to(vectors.get("pooled"), denoiser.device))

    def encode(
        self,
        labels: Sequence[str | None],
        columns: Sequence[Mapping[str, str]] | None = None,
        *,
        generator: np.random.Generator | None = None,
    ) -> Conditioning:
        rows = [0 if label is None else self._rows[label] for label in labels]
        index = torch.tensor(rows, device=self._vectors["tokens"].device)
        pooled = self._vectors["pooled"][index] if "pooled" in self._vectors else None
        return Conditioning(self._vectors["tokens"][index][:, None], pooled)

    def parameters(self) -> Iterable[torch.nn.Parameter]:
        return self._vectors.parameters()

    def save(self, folder: Path) -> None:
        """Write ``conditioning/label_embedding.safetensors`` and the labels of its rows (row 0 is null)."""
        (folder / FOLDER).mkdir(parents=True, exist_ok=True)
        vectors = {name: vector.detach().cpu().contiguous() for name, vector in self._vectors.items()}
        save_file(vectors, folder / FOLDER / VECTORS)
        (folder / FOLDER / LABELS).write_text(json.dumps(self.labels, indent=1, ensure_ascii=False) + "\n")


def _check_width(part: str, vectors: Tensor, width: int) -> None:
    if vectors.shape[-1] != width:
        raise ModelError(f"the label embedding's {part} are {vectors.shape[-1]} wide, but the model takes {width}")


def _to(vectors: Tensor | None, device: torch.device) -> Tensor | None:
    return None if vectors is None else vectors.to(device)
