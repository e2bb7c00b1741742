"""What all models share that load a published diffusers pipeline."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from diffmine.errors import ModelError
from diffmine.interfaces import OUTSIDE_KEY, ComponentConfig, DiffusionModel, PretrainedPath
from diffmine.weights.fingerprint import checkpoint_fingerprint
from diffmine.weights.pretrained import fetch, read_settings

if TYPE_CHECKING:
    from diffmine.builtin.models.checkpoint import LoadOptions


MODEL_OF = {
    "FluxPipeline": "flux",
    "PixArtAlphaPipeline": "pixart",
    "PixArtSigmaPipeline": "pixart",
    "StableDiffusion3Pipeline": "stable-diffusion-3",
    "StableDiffusionPipeline": "stable-diffusion",
    "StableDiffusionXLPipeline": "stable-diffusion-xl",
}
"""A diffusers pipeline -> the model that loads it."""


class PublishedConfig(ComponentConfig):
    """Options of models that load a diffusers pipeline."""

    path: PretrainedPath = Field(description="folder of a diffusers pipeline, or a hub id")
    revision: str | None = Field(None, description="branch, tag or commit of a hub id; omitted: its main branch")
    variant: str | None = Field(None, description="variant of the weight files, such as fp16; omitted: the plain ones")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="precision of the network; auto: bfloat16 on CUDA, float32 elsewhere"
    )
    vae_tiling: bool = Field(False, description="encode pictures above 512 px in tiles: less memory, visible seams")
    local_files_only: Annotated[bool, OUTSIDE_KEY] = Field(False, description="never ask the hub")
    compile: Annotated[bool, OUTSIDE_KEY] = Field(False, description="compile the network with torch.compile")


class PublishedModel(DiffusionModel):
    """A diffusers pipeline, from a folder or from the hub; safetensors only.

    Class attributes:
        weights: sub-folders with weights.
        network_part: the one that is trained.
        assumed: its configuration for estimates about a checkpoint that is not on this machine.
    """

    weights: ClassVar[tuple[str, ...]]
    network_part: ClassVar[str]
    assumed: ClassVar[Mapping[str, Any]]
    Config = PublishedConfig
    config: PublishedConfig

    @property
    def pretrained(self) -> bool:
        return True

    def fingerprint(self) -> str:
        return checkpoint_fingerprint(self.config.path, self.config.revision)

    @abstractmethod
    def network_flops(self, network: Mapping[str, Any], height: int, width: int) -> float:
        """Operations of one forward for a latent of ``height`` x ``width`` cells."""

    def forward_flops(self, height: int, width: int) -> float:
        return self.network_flops(self._network_settings(), -(-height // self.stride), -(-width // self.stride))

    def checkpoint(self, folder: Path | None) -> Path:
        """``folder``, or else the one of the checkpoint that the options name, fetched if need be.

        Raises:
            ModelError: there is none, or it is one for another model; of that no weights are fetched.
        """
        if folder is not None:
            return folder
        offline = self.config.local_files_only
        self._check_family(self._fetch((), local_files_only=offline))
        return self._fetch(self.weights, local_files_only=offline)

    def load_options(self, folder: Path | None) -> LoadOptions:
        """How to load it; what ``save`` wrote to ``folder`` has no variants."""
        from diffmine.builtin.models.checkpoint import LoadOptions

        variant = self.config.variant if folder is None else None
        return LoadOptions(self.config.dtype, variant, self.config.vae_tiling, self.config.compile)

    def _check_family(self, folder: Path) -> None:
        if not (folder / "model_index.json").is_file():
            return
        pipeline = read_settings(folder, "model_index.json").get("_class_name", "")
        wanted = MODEL_OF.get(pipeline, self.name)
        if wanted != self.name:
            raise ModelError(
                f"{self.config.path} holds a {pipeline}, which is none for model.use = {self.name!r}; "
                f'set model.use = "{wanted}"'
            )

    def _network_settings(self) -> Mapping[str, Any]:
        try:
            return read_settings(self._fetch((), local_files_only=True), f"{self.network_part}/config.json")
        except ModelError:
            return self.assumed

    def _fetch(self, parts: tuple[str, ...], *, local_files_only: bool) -> Path:
        return fetch(
            self.config.path,
            parts=parts,
            revision=self.config.revision,
            variant=self.config.variant,
            local_files_only=local_files_only,
        )
