"""A diffmine plugin that needs no diffusion model: patch tokens of CLIP against the text of a label."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diffmine import hookimpl

if TYPE_CHECKING:
    from diffmine.interfaces import TypicalityScorer

diffmine_interface = "1.0"
"""The version of diffmine's interfaces that this plugin was written for."""


@hookimpl
def diffmine_register_typicality_scorers() -> list[type[TypicalityScorer]]:
    """The scorers that this plugin adds."""
    from diffmine_clip_mining.scorers import ClipDifference, ClipSimilarity

    return [ClipSimilarity, ClipDifference]
