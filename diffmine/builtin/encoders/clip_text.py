"""Labels as prompts for a CLIP text encoder."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diffmine.errors import ModelError
from diffmine.files.patterns import Pattern
from diffmine.interfaces import (
    OUTSIDE_KEY,
    ComponentConfig,
    ConditioningEncoder,
    Denoiser,
    PretrainedPath,
    PromptEncoder,
    TextEncoder,
)
from diffmine.weights.fingerprint import checkpoint_fingerprint
from diffmine.weights.pretrained import fetch


def placeholders(template: str) -> list[str]:
    """The names in a template's ``{...}``."""
    return [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]


def _checked_template(template: str) -> str:
    if not all(name.isidentifier() for name in placeholders(template)):
        raise ValueError("write {label} or the name of a column in braces, such as {region}")
    return template


Template = Annotated[str, AfterValidator(_checked_template)]


class Extra(ComponentConfig):
    """A piece of text that training sometimes adds to the prompt."""

    text: Template = Field(description="appended to the template, such as ', at the region of {region}'")
    probability: float = Field(ge=0, le=1, description="share of training prompts that carry it")


class Rewrite(ComponentConfig):
    """How a label is worded otherwise than it is spelled."""

    pattern: str = Field(description="regular expression; everything that it matches is replaced")
    to: str = Field(description=r"what takes its place; \1 is the pattern's first group")

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        Pattern(f"{self.pattern}|", "[conditioning] rewrite.pattern").replace("", self.to)  # matches, whatever it is
        return self

    def apply(self, text: str) -> str:
        """The text, reworded.

        Raises:
            DataError: searching took too long.
        """
        return Pattern(self.pattern, "[conditioning] rewrite.pattern").replace(text, self.to)


class ClipText(ConditioningEncoder):
    """Prompts made of the label and a template, read by a frozen CLIP text encoder.

    Placeholders are ``{label}`` and the picture's columns. In training each of ``extras`` is appended with its
    probability, drawn anew each time; scoring and features use the bare template.
    """

    name = "clip-text"

    class Config(ComponentConfig):
        """Options of ``clip-text``."""

        template: Template = Field(
            "{label}", description="prompt of a label, with {label} and columns such as {region}"
        )
        null_prompt: str = Field("", description="prompt of the null condition")
        extras: tuple[Extra, ...] = Field((), description="texts that training sometimes appends to the template")
        rewrite: tuple[Rewrite, ...] = Field(
            (), description="wordings of labels and columns, one after the other, each of what the last has made"
        )
        spelling: Literal["as-is", "spaces"] = Field(
            "as-is", description="spaces: underscores in labels and columns become spaces, after rewrite"
        )
        path: PretrainedPath | None = Field(
            None,
            description="pipeline, text-encoder folder or whole CLIP checkpoint, or a hub id; omitted: the model's own",
        )
        revision: str | None = Field(None, description="branch, tag or commit of a hub id; omitted: its main branch")
        local_files_only: Annotated[bool, OUTSIDE_KEY] = Field(False, description="never ask the hub")

    config: Config

    def load(
        self, denoiser: Denoiser, labels: Sequence[str], *, seed: int, folder: Path | None = None
    ) -> PromptEncoder:
        from diffmine.builtin.encoders.prompts import TemplatePrompts

        encoder = (
            self._own_encoder(denoiser) if self.config.path is None else self._named_encoder(denoiser, self.config.path)
        )
        if encoder.width != denoiser.conditioning_width:
            raise ModelError(
                f"the text encoder {self.config.path or 'of the model'} is {encoder.width} wide, but the model takes "
                f"{denoiser.conditioning_width}; give [conditioning] path an encoder of that width, "
                "or omit it to use the model's own"
            )
        return TemplatePrompts(self.config, encoder, replaces=self.config.path is not None)

    def fingerprint(self) -> str:
        return "" if self.config.path is None else checkpoint_fingerprint(self.config.path, self.config.revision)

    def _own_encoder(self, denoiser: Denoiser) -> TextEncoder:
        encoder = denoiser.text_encoder()
        if encoder is None:
            raise ModelError("this model brings no text encoder; give [conditioning] path, or use = 'label-embedding'")
        return encoder

    def _named_encoder(self, denoiser: Denoiser, path: str) -> TextEncoder:
        from diffmine.builtin.encoders.clip_encoder import ClipTextEncoder

        if denoiser.pooled_width is not None:
            raise ModelError(
                f"[conditioning] path = {path!r} names one text encoder, but this model is told by several; "
                "omit it to use the model's own"
            )
        checkpoint = fetch(
            path,
            parts=("", "text_encoder"),
            revision=self.config.revision,
            local_files_only=self.config.local_files_only,
        )
        return ClipTextEncoder.from_pretrained(checkpoint, denoiser.device)
