"""Where training starts: the process, the model, the optimizer. Imports torch."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from diffusers.optimization import get_scheduler
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from diffmine.errors import ModelError
from diffmine.interfaces import ModelTools, TrainingSet
from diffmine.numerics.seeding import numpy_generator
from diffmine.pictures.decoding import to_model
from diffmine.training.latents import crop
from diffmine.training.options import TrainingOptions

SAMPLE = 512
"""Pictures that a model which starts from nothing is shown first."""


def open_accelerator(options: TrainingOptions, device: torch.device) -> Accelerator:
    """What ``accelerate launch`` says about processes and devices; one process on ``device`` without it.

    Raises:
        ModelError: a tracker is not installed.
    """
    # accelerate refuses a second training of another precision in one process unless its shared state is cleared.
    AcceleratorState._reset_state(reset_partial_state=not torch.distributed.is_initialized())
    if device.type == "cuda" and device.index is not None:
        torch.cuda.set_device(device)  # accelerate takes the current one
    automatic = "bf16" if device.type == "cuda" else "no"
    accelerator = Accelerator(
        cpu=device.type == "cpu",
        mixed_precision=automatic if options.mixed_precision == "auto" else options.mixed_precision,
        log_with=list(options.trackers) or None,
        project_dir=options.tracker_folder,
    )
    if len(accelerator.log_with) < len(options.trackers):
        raise ModelError(
            f"finetune.trackers = {list(options.trackers)}: not all of them are installed; install them or leave it out"
        )
    return accelerator


def own_positions(accelerator: Accelerator, batch_size: int) -> range:
    """This process's places in each batch.

    Raises:
        ModelError: the batch does not divide evenly, so that an average of processes would not be that of pictures.
    """
    share, rest = divmod(batch_size, accelerator.num_processes)
    if rest:
        raise ModelError(
            f"finetune.batch_size = {batch_size} does not divide among {accelerator.num_processes} processes; "
            "make it a multiple"
        )
    return range(accelerator.process_index * share, (accelerator.process_index + 1) * share)


def opened_model(tools: ModelTools, data: TrainingSet, workspace: Path, accelerator: Accelerator) -> ModelTools:
    """The model to start from; one that starts from nothing is initialised, written down and read back.

    A training that goes on after a stop then finds the very same model, whatever machine it goes on with.
    """
    if tools.pretrained:
        return tools
    initial = workspace / "initial"
    if accelerator.is_main_process and not initial.exists():
        draft = workspace / ".initial.tmp"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(parents=True)
        tools.denoiser.initialise(_sample(data, tools), seed=tools.seed)
        tools.denoiser.save(draft)
        tools.encoder.save(draft)
        draft.rename(initial)
    accelerator.wait_for_everyone()
    return tools.at(initial)


def _sample(data: TrainingSet, tools: ModelTools) -> Tensor:
    """Centre crops of some training pictures, all of the smallest one's size; float32, (pictures, 3, side, side)."""
    order = numpy_generator(tools.seed, "finetune", "sample").permutation(len(data.train))[:SAMPLE]
    pictures = [crop(data.picture(data.train[place]).pixels, "center", (0.5, 0.5)) for place in order]
    side = min(len(picture) for picture in pictures)
    starts = [(len(picture) - side) // 2 for picture in pictures]
    cut = (one[start : start + side, start : start + side] for one, start in zip(pictures, starts, strict=True))
    return torch.stack([to_model(picture, tools.denoiser.size_multiple) for picture in cut])


def make_optimizer(options: TrainingOptions, parameters: Mapping[str, nn.Parameter]) -> Optimizer:
    """AdamW over the network and, with a learning rate of their own and no decay, the label vectors."""
    network = [value for name, value in parameters.items() if name.startswith("network.")]
    vectors = [value for name, value in parameters.items() if not name.startswith("network.")]
    groups: list[dict[str, Any]] = [{"params": network, "weight_decay": options.weight_decay}]
    if vectors:
        rate = options.learning_rate * options.embedding_learning_rate
        groups.append({"params": vectors, "weight_decay": 0.0, "lr": rate})
    settings: dict[str, Any] = {"lr": options.learning_rate, "betas": options.betas, "eps": options.eps}
    if options.optimizer == "adamw-8bit":
        return _adamw_8bit(groups, settings)
    return torch.optim.AdamW(groups, **settings, fused=True)


def make_schedule(options: TrainingOptions, optimizer: Optimizer) -> LambdaLR:
    """Warm-up from 0, then the schedule, which ends at ``final_learning_rate`` of the peak."""
    schedule: LambdaLR = get_scheduler(
        "constant_with_warmup" if options.schedule == "constant" else options.schedule,
        optimizer,
        num_warmup_steps=options.warmup_steps,
        num_training_steps=options.steps,
    )
    floor, warmup = options.final_learning_rate, options.warmup_steps

    def lifted(factor: Callable[[int], float]) -> Callable[[int], float]:
        return lambda step: factor(step) if step < warmup else floor + (1 - floor) * factor(step)

    schedule.lr_lambdas = [lifted(factor) for factor in schedule.lr_lambdas]
    return schedule


def _adamw_8bit(groups: list[dict[str, Any]], settings: dict[str, Any]) -> Optimizer:
    try:
        import bitsandbytes
    except ImportError:
        raise ModelError(
            "finetune.optimizer = 'adamw-8bit' needs bitsandbytes, which is not installed; "
            "pip install bitsandbytes, or set finetune.optimizer = 'adamw'"
        ) from None
    optimizer: Optimizer = bitsandbytes.optim.AdamW8bit(groups, **settings)
    return optimizer


def checkpoint_activations(network: nn.Module) -> None:
    """Turn gradient checkpointing on.

    Raises:
        ModelError: the network has none.
    """
    enable = getattr(network, "enable_gradient_checkpointing", None)
    if enable is None:
        raise ModelError(
            f"{type(network).__name__} has no gradient checkpointing; set finetune.gradient_checkpointing = false"
        )
    enable()
