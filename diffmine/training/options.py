"""What a recipe may say about training."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from diffmine.interfaces.component import OUTSIDE_KEY, ComponentConfig, RecipePath


class TrainingOptions(ComponentConfig):
    """Options of every finetuner that trains; the defaults are the paper's."""

    steps: int = Field(10_000, ge=1, description="optimizer steps")
    batch_size: int = Field(8, ge=1, description="pictures a step, over all processes and micro-batches")
    learning_rate: float = Field(1e-4, gt=0, description="peak learning rate")
    embedding_learning_rate: float = Field(
        1.0, gt=0, description="learning rate of trained label vectors, as a multiple of learning_rate"
    )
    null_probability: float = Field(0.05, ge=0, le=1, description="share of pictures trained with the null condition")

    schedule: Literal["constant", "cosine", "linear"] = Field("constant", description="learning rate after the warm-up")
    warmup_steps: int = Field(500, ge=0, description="steps over which the learning rate rises from 0 to its peak")
    final_learning_rate: float = Field(
        0.0, ge=0, le=1, description="where cosine and linear end, as a share of learning_rate"
    )
    optimizer: Literal["adamw", "adamw-8bit"] = Field(
        "adamw", description="adamw-8bit keeps its moments in 8 bits and needs bitsandbytes"
    )
    weight_decay: float = Field(1e-2, ge=0, description="decoupled weight decay; label vectors are not decayed")
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = Field(
        (0.9, 0.999), description="AdamW's decay rates of the two moments"
    )
    eps: float = Field(1e-8, gt=0, description="AdamW's epsilon")
    max_grad_norm: float = Field(1.0, ge=0, description="gradients are clipped to this norm; 0: not clipped")
    ema: float = Field(
        0.0, ge=0, lt=1, description="decay of the moving average of the weights that is kept as the result; 0: off"
    )

    timesteps: Literal["uniform", "stratified"] = Field(
        "uniform", description="timesteps of a batch: independent, or one from each of batch_size equal intervals"
    )
    t_min: float = Field(0.0, ge=0, lt=1, description="lowest timestep, as a fraction of the noise schedule")
    t_max: float = Field(1.0, gt=0, le=1, description="highest timestep (excluded), as a fraction of the schedule")
    t_focus: float = Field(
        1.0, ge=0, le=1, description="share of pictures whose timestep lies in [t_min, t_max); the others' lie anywhere"
    )
    min_snr_gamma: float | None = Field(
        None, gt=0, description="min-SNR loss weights (Hang et al. 2023, gamma 5 there); omitted: all timesteps weigh 1"
    )
    horizontal_flip: bool = Field(False, description="mirror half of the pictures; destroys what tells left from right")
    mixed_precision: Literal["auto", "no", "bf16", "fp16"] = Field(
        "auto", description="precision of forward and backward passes; auto: bf16 on CUDA, else no"
    )

    log_every: int = Field(10, ge=1, description="steps between rows of the training log")
    validate_every: int = Field(500, ge=0, description="steps between validation losses on held-out images; 0: never")
    validation_images: int = Field(64, ge=1, description="at most this many held-out images for the validation loss")
    validation_draws: int = Field(4, ge=1, description="fixed (timestep, noise) draws for each of those images")
    sample_every: int = Field(0, ge=0, description="steps between sheets of generated pictures; 0: never")
    sample_labels: int = Field(8, ge=1, description="labels (rows) on a sheet of generated pictures")

    gradient_accumulation: Annotated[int, OUTSIDE_KEY] = Field(
        1, ge=1, description="micro-batches that a step's batch is computed in; less memory, the same result"
    )
    gradient_checkpointing: Annotated[bool, OUTSIDE_KEY] = Field(
        False, description="recompute activations in the backward pass: less memory, more time"
    )
    cache_latents: Annotated[bool | None, OUTSIDE_KEY] = Field(
        None, description="encode each picture once; omitted: whenever crop is none or center and nothing is flipped"
    )
    cache_gib: Annotated[float, OUTSIDE_KEY] = Field(
        8.0, ge=0, description="memory for cached latents in GiB; beyond it pictures are encoded when they are drawn"
    )
    workers: Annotated[int, OUTSIDE_KEY] = Field(4, ge=1, description="threads that decode pictures ahead of time")
    checkpoint_every: Annotated[int, OUTSIDE_KEY] = Field(
        500, ge=1, description="steps between checkpoints; a killed run loses at most this many"
    )
    trackers: Annotated[tuple[str, ...], OUTSIDE_KEY] = Field(
        (), description="accelerate's experiment trackers, such as tensorboard, where installed"
    )
    tracker_folder: RecipePath = Field(Path("logs"), validate_default=True, description="where trackers write")

    @model_validator(mode="after")
    def _check(self) -> TrainingOptions:
        if self.t_min >= self.t_max:
            raise ValueError(f"t_min = {self.t_min} must be below t_max = {self.t_max}")
        return self
