"""Plug-and-play injection: what a network computes of one picture is put into its computation of others.

Tumanyan et al., *Plug-and-Play Diffusion Features for Text-Driven Image-to-Image Translation* (CVPR 2023): while a
translation is sampled, the residual features of one decoder layer, and the queries and keys of the decoder's
self-attention, are those of the picture that it starts from. Both are outputs of modules of the network (the second
convolution of a residual block, and the projections to queries and keys, whichever attention processor uses them), so
forward hooks record and replace them, and the network's own code runs. Imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from diffmine.errors import ModelError

Place = tuple[int, int]
"""(up-block, residual block in it), from 0; of a transformer (block, 0)."""


@dataclass(frozen=True)
class Injection:
    """Modules of a network whose outputs are injected.

    Attributes:
        features: the last layers of residual branches.
        attention: projections to queries and keys of self-attention.
    """

    features: tuple[nn.Module, ...]
    attention: tuple[nn.Module, ...]
    _recorded: dict[nn.Module, Tensor] = field(default_factory=dict)

    @classmethod
    def into(cls, network: nn.Module, features_at: Place | None, attention_from: Place | None) -> Injection:
        """Find the modules in a network of diffusers.

        Args:
            network: ``Denoiser.network``: a UNet or a transformer.
            features_at: the residual block whose features are injected; None: none.
            attention_from: the first place whose self-attention is injected, with all after it; None: none.
        Raises:
            ModelError: the network has no such place.
        """
        if features_at is None and attention_from is None:
            return cls((), ())
        features, attention = _places(network)
        found: tuple[nn.Module, ...] = ()
        if features_at is not None:
            if features_at not in features:
                raise ModelError(
                    f"[translate] features_at = {list(features_at)}: this model has no such residual block; it has "
                    f"{_listed(features)}"
                )
            found = (features[features_at],)
        kept = [] if attention_from is None else [part for at, part in attention if at >= attention_from]
        if attention_from is not None and not kept:
            raise ModelError(
                f"[translate] attention_from = {list(attention_from)}: this model has no self-attention from there; "
                f"it has {_listed([at for at, _ in attention])}; set translate.attention_steps = 0 to inject none"
            )
        return cls(found, tuple(projection for part in kept for projection in (part.to_q, part.to_k)))

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep what the modules give in the next forward, in place of what was kept before."""

        def keep(module: nn.Module, inputs: Any, output: Tensor) -> None:
            self._recorded[module] = output

        with _hooked((*self.features, *self.attention), keep):
            yield

    @contextmanager
    def injecting(self, *, features: bool, attention: bool) -> Iterator[None]:
        """In forwards the modules give what was recorded, each row for as many rows as follow each other for it."""

        def replace(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
            kept = self._recorded[module]
            return kept.repeat_interleave(len(output) // len(kept), dim=0)

        with _hooked((*(self.features if features else ()), *(self.attention if attention else ())), replace):
            yield


@contextmanager
def _hooked(modules: Sequence[nn.Module], hook: Callable[[nn.Module, Any, Tensor], Tensor | None]) -> Iterator[None]:
    handles = [module.register_forward_hook(hook) for module in modules]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _places(network: nn.Module) -> tuple[dict[Place, nn.Module], list[tuple[Place, Any]]]:
    """The residual branches and the self-attentions, by place, in the order in which they compute."""
    if hasattr(network, "up_blocks"):
        return _places_of_unet(network.up_blocks)
    if hasattr(network, "transformer_blocks"):
        return _places_of_transformer(network.transformer_blocks)
    raise ModelError(
        f"[translate] cannot inject into {type(network).__name__}: it is no UNet and no transformer of "
        "diffusers; set translate.feature_steps = 0 and translate.attention_steps = 0 to translate without"
    )


def _places_of_unet(blocks: Any) -> tuple[dict[Place, nn.Module], list[tuple[Place, Any]]]:
    features = {(row, at): part.conv2 for row, block in enumerate(blocks) for at, part in enumerate(block.resnets)}
    attention = [
        ((row, at), layer.attn1)
        for row, block in enumerate(blocks)
        for at, part in enumerate(getattr(block, "attentions", ()))
        for layer in part.transformer_blocks
    ]
    return features, attention


def _places_of_transformer(blocks: Any) -> tuple[dict[Place, nn.Module], list[tuple[Place, Any]]]:
    """PixArt's attention of pictures is ``attn1``; that of Stable Diffusion 3, ``attn``, sees the prompt as well."""
    features = {(row, 0): block.ff for row, block in enumerate(blocks)}
    attention = [((row, 0), getattr(block, "attn1", None) or block.attn) for row, block in enumerate(blocks)]
    return features, attention


def _listed(places: Any) -> str:
    return ", ".join(str(list(place)) for place in dict.fromkeys(places)) or "none"
