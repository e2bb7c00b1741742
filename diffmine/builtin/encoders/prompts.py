"""From labels to prompts to conditioning, each prompt encoded once. Imports torch."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from diffmine.builtin.encoders.clip_text import ClipText, placeholders
from diffmine.errors import DataError, DiffmineWarning
from diffmine.interfaces import Conditioning, PromptEncoder, TextEncoder

KEPT_BYTES = 256 * 2**20
"""Memory for encoded prompts: a thousand of CLIP ViT-L/14. More come only from prompts with columns."""


class TemplatePrompts(PromptEncoder):
    """Fills a template and encodes it with a frozen text encoder."""

    def __init__(self, config: ClipText.Config, encoder: TextEncoder, *, replaces: bool) -> None:
        """Take a loaded encoder.

        Args:
            config: template, null prompt, extras, rewrites and spelling.
            encoder: reads the prompts.
            replaces: whether ``encoder`` is another than the model's own, so that a saved model must carry it.
        """
        self._config, self._encoder, self._replaces = config, encoder, replaces
        self._encoded: OrderedDict[str, Conditioning] = OrderedDict()

    def prompt(self, label: str | None, columns: Mapping[str, str] | None = None) -> str:
        """The prompt of a label; without ``columns``, their placeholders stay as they are written."""
        if label is None:
            return self._config.null_prompt
        names = placeholders(self._config.template)
        return self._fill(self._config.template, label, columns or {name: f"{{{name}}}" for name in names})

    def encode(
        self,
        labels: Sequence[str | None],
        columns: Sequence[Mapping[str, str]] | None = None,
        *,
        generator: np.random.Generator | None = None,
    ) -> Conditioning:
        """The conditioning of each label's prompt.

        Args:
            labels: None stands for the null prompt.
            columns: one mapping a label; needed where the template names columns.
            generator: decides which extras each prompt carries; None: no extras.
        """
        rows = [{} for _ in labels] if columns is None else columns
        prompts = [self._prompt(label, row, generator) for label, row in zip(labels, rows, strict=True)]
        self._remember(prompts)
        return Conditioning.cat([self._encoded[prompt] for prompt in prompts])

    def save(self, folder: Path) -> None:
        """Put an encoder that replaced the model's own into the model folder, where diffusers looks for it."""
        if self._replaces:
            self._encoder.save(folder)

    def _prompt(self, label: str | None, columns: Mapping[str, str], generator: np.random.Generator | None) -> str:
        if label is None:
            return self._config.null_prompt
        template = self._config.template + ("" if generator is None else self._extras(columns, generator))
        return self._fill(template, label, columns)

    def _extras(self, columns: Mapping[str, str], generator: np.random.Generator) -> str:
        """The extras that the generator picks; one whose column is empty for this picture is left out."""
        picked = [extra.text for extra in self._config.extras if generator.random() < extra.probability]
        given = {"label", *(name for name, value in columns.items() if value)}
        return "".join(text for text in picked if given.issuperset(placeholders(text)))

    def _fill(self, template: str, label: str, columns: Mapping[str, str]) -> str:
        values = {name: self._spelled(value) for name, value in {**columns, "label": label}.items()}
        try:
            return template.format(**values)
        except KeyError as error:
            known = ", ".join(sorted(values))
            raise DataError(
                f"the prompt {template!r} names the column {error.args[0]!r}, which a picture of {label!r} has not; "
                f"it has {known}"
            ) from None

    def _spelled(self, text: str) -> str:
        for rewrite in self._config.rewrite:
            text = rewrite.apply(text)
        return text.replace("_", " ") if self._config.spelling == "spaces" else text

    def _remember(self, prompts: Sequence[str]) -> None:
        """Encode the prompts that are new, one at a time, so that none depends on others; forget the oldest."""
        wanted = dict.fromkeys(prompts)
        for prompt in wanted:
            if prompt not in self._encoded:
                self._warn_if_cut(prompt)
                self._encoded[prompt] = self._encoder.encode([prompt])
            self._encoded.move_to_end(prompt)
        while len(self._encoded) > len(wanted) and len(self._encoded) * _bytes(self._encoded[prompts[0]]) > KEPT_BYTES:
            self._encoded.popitem(last=False)

    def _warn_if_cut(self, prompt: str) -> None:
        cut = self._encoder.overflow(prompt)
        if cut:
            warnings.warn(
                f"the text encoder does not read the last {cut} tokens of this prompt, which is too long: {prompt!r}",
                DiffmineWarning,
                stacklevel=2,
            )


def _bytes(conditioning: Conditioning) -> int:
    return conditioning.tokens.nbytes
