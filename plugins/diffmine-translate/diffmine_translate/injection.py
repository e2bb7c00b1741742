"""Plug-and-play injection: what a network computes of one picture is put into its computation of others.

Tumanyan et al., *Plug-and-Play Diffusion Features for Text-Driven Image-to-Image Translation* (CVPR 2023): while a
translation is sampled, the residual features of one decoder layer, and the queries and keys of the decoder's
self-attention, are those of the picture that it starts from. Both are outputs of modules of the network
(:mod:`diffmine_translate.sites`), so forward hooks record and replace them, and the network's own code runs. Imports
torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from diffmine.errors import ModelError
from diffmine_translate.sites import Place, Site, sites_of


@dataclass(frozen=True)
class Injection:
    """What of a network is injected.

    Attributes:
        features: the last layers of residual branches.
        attention: projections to queries and keys of self-attention.
    """

    features: tuple[Site, ...]
    attention: tuple[Site, ...]
    _recorded: dict[nn.Module, Tensor] = field(default_factory=dict)

    @classmethod
    def into(
        cls,
        network: nn.Module,
        features_at: Place | None = None,
        attention_from: Place | None = None,
        *,
        features: bool = True,
        attention: bool = True,
    ) -> Injection:
        """Find the sites in a network of diffusers.

        Args:
            network: ``Denoiser.network``: a UNet or a transformer.
            features_at: the residual block whose features are injected; None: as :mod:`diffmine_translate.sites` says.
            attention_from: the first place whose self-attention is injected, with all after it; None: likewise.
            features: whether to inject features.
            attention: whether to inject self-attention.
        Raises:
            ModelError: the network has no such place.
        """
        if not features and not attention:
            return cls((), ())
        sites = sites_of(network)
        at = sites.features_at if features_at is None else features_at
        if features and at not in sites.features:
            raise ModelError(
                f"[translate] features_at = {list(at)}: this model has no such residual block; it has "
                f"{_listed(sites.features)}"
            )
        first = sites.attention_from(at) if attention_from is None else attention_from
        kept = [site for place, site in sites.attention if place >= first]
        if attention and not kept:
            raise ModelError(
                f"[translate] attention_from = {list(first)}: this model has no self-attention from there; "
                f"it has {_listed(place for place, _ in sites.attention)}; set translate.attention_steps = 0 to inject "
                "none"
            )
        return cls((sites.features[at],) if features else (), tuple(kept) if attention else ())

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Keep what the modules give in the next forward, in place of what was kept before."""

        def keep(site: Site, output: Tensor) -> None:
            self._recorded[site.module] = output

        sites = (*self.features, *self.attention)
        embedders = dict.fromkeys(site.embedder for site in sites if site.embedder is not None)
        with _hooked((*sites, *map(Site, embedders)), keep):
            yield

    @contextmanager
    def injecting(self, *, features: bool, attention: bool) -> Iterator[None]:
        """In forwards the modules give what was recorded, each row for as many rows as follow each other for it."""

        def replace(site: Site, output: Tensor) -> Tensor:
            kept = self._recorded[site.module]
            tokens = None if site.embedder is None else self._recorded[site.embedder].shape[1]
            return site.injected(kept.repeat_interleave(len(output) // len(kept), dim=0), output, tokens)

        with _hooked((*(self.features if features else ()), *(self.attention if attention else ())), replace):
            yield


@contextmanager
def _hooked(sites: Sequence[Site], hook: Callable[[Site, Tensor], Tensor | None]) -> Iterator[None]:
    def of(site: Site) -> Callable[[nn.Module, Any, Tensor], Tensor | None]:
        return lambda module, inputs, output: hook(site, output)

    handles = [site.module.register_forward_hook(of(site)) for site in sites]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _listed(places: Any) -> str:
    return ", ".join(str(list(place)) for place in dict.fromkeys(places)) or "none"
