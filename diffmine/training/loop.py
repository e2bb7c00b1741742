"""The training loop, for every dataset and every model. Imports torch.

``accelerate launch`` spreads it over processes and machines; the workspace must then be a folder that all of them see.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import torch
from diffusers.training_utils import EMAModel
from torch import nn

from diffmine.errors import DataError, ModelError
from diffmine.interfaces import ModelTools, Progress, TrainingLog, TrainingSet
from diffmine.numerics.seeding import derive_seed
from diffmine.training.batches import Batches
from diffmine.training.gradients import Gradients
from diffmine.training.latents import LatentSource
from diffmine.training.loss import DenoisingLoss
from diffmine.training.options import TrainingOptions
from diffmine.training.samples import Draws
from diffmine.training.saved_states import Checkpoints
from diffmine.training.sheets import write_sheet
from diffmine.training.start import (
    checkpoint_activations,
    make_optimizer,
    make_schedule,
    open_accelerator,
    opened_model,
    own_positions,
)
from diffmine.training.state import TrainingState
from diffmine.training.validation import Validation

Adaptation = Callable[[nn.Module], Callable[[], None]]
"""Makes what shall be trained of a network require gradients; returns what folds it into the network in the end."""


def train(
    tools: ModelTools,
    data: TrainingSet,
    options: TrainingOptions,
    adapt: Adaptation,
    *,
    folder: Path,
    workspace: Path,
    progress: Progress,
) -> TrainingLog:
    """Train a model on labelled pictures and write it to ``folder``; see ``Finetuner.finetune``.

    Args:
        adapt: decides what of the network is trained.
    """
    if not data.train:
        raise DataError("there are no pictures to train on; lower dataset.holdout or keep more labels")
    progress.start(options.steps, "steps")
    progress.status("loading the model")

    # The machine: which process of how many this is, and in which precision it computes.
    accelerator = open_accelerator(options, torch.device(tools.device))
    positions = own_positions(accelerator, options.batch_size)

    # The model. Dropout, the one thing here that draws from torch's global generator, is seeded at each step.
    tools = opened_model(tools, data, workspace, accelerator)
    denoiser, encoder = tools.denoiser, tools.encoder
    denoiser.prepare_training()
    fold = adapt(denoiser.network)
    if options.gradient_checkpointing:
        checkpoint_activations(denoiser.network)
    loss = DenoisingLoss(denoiser, encoder, options.min_snr_gamma)
    loss.train()

    # The optimizer, its schedule, and the moving average that is kept as the result.
    parameters = {name: value for name, value in loss.named_parameters() if value.requires_grad}
    optimizer = make_optimizer(options, parameters)
    schedule = make_schedule(options, optimizer)
    ema = EMAModel(parameters.values(), decay=options.ema, foreach=True) if options.ema else None
    wrapped, stepper = accelerator.prepare(loss, optimizer)
    gradients = Gradients(accelerator, wrapped, -(-len(positions) // options.gradient_accumulation))

    # Where an earlier process was stopped.
    state = TrainingState(parameters, optimizer, schedule, ema, accelerator.scaler)
    checkpoints = Checkpoints(workspace)
    if found := checkpoints.latest():
        state.restore(*found)
    progress.status("")
    progress.advance(state.step)
    if options.trackers:
        accelerator.init_trackers("diffmine", init_kwargs={})

    with LatentSource(data, denoiser, kept_bytes(options, data), options.workers) as source, torch.random.fork_rng():
        batches = Batches(Draws(data.train, options, tools.seed), source, positions, options.steps)
        validation = Validation(data, denoiser, options, tools.seed)

        while state.step < options.steps:
            # One step.
            torch.manual_seed(derive_seed(tools.seed, "finetune", "dropout", state.step, accelerator.process_index))
            examples = batches[state.step]
            learning_rate = state.learning_rate()
            stepper.zero_grad(set_to_none=True)
            batch_loss = gradients.of(examples)
            if options.max_grad_norm:
                accelerator.clip_grad_norm_(parameters.values(), options.max_grad_norm)
            stepper.step()
            state.advance(accelerator.reduce(batch_loss, "mean"))
            progress.advance()

            # What is said about it: validation, a row of the log, pictures.
            last = state.step == options.steps
            measured: dict[str, float] = {}
            if options.validate_every and (last or state.step % options.validate_every == 0):
                with state.averaged():
                    measured = validation.measure(accelerator.unwrap_model(wrapped), gradients.size.limit)
            if measured or last or state.step % options.log_every == 0:
                mean = float(state.loss_sum) / state.loss_count
                if not math.isfinite(mean):
                    raise ModelError(
                        f"the loss became {mean} before step {state.step}; lower finetune.learning_rate "
                        f"(now {options.learning_rate}) or train in another mixed_precision"
                    )
                row = state.add_row(mean, learning_rate, measured)
                progress.status(", ".join(f"{name} {row[name]:.4f}" for name in row if name.endswith("loss")))
                accelerator.log(row, step=state.step)
            if options.sample_every and state.step % options.sample_every == 0 and accelerator.is_main_process:
                path = folder / "samples" / f"step-{state.step:08d}.png"
                labels = tools.labels[: options.sample_labels]
                with state.averaged():
                    write_sheet(path, denoiser, encoder, labels, examples[0].latent.shape, seed=tools.seed)

            # What survives a kill.
            if state.step % options.checkpoint_every == 0 and not last and accelerator.is_main_process:
                checkpoints.write(state.step, state.tensors(), state.facts())

    # The result: plain weights in plain layout, from one of the processes.
    state.keep_average()
    fold()
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        denoiser.save(folder)
        encoder.save(folder)
    accelerator.wait_for_everyone()
    for tracker in accelerator.trackers:  # end_training would leave the other processes too, which further folds need
        tracker.finish()
    return state.log


def kept_bytes(options: TrainingOptions, data: TrainingSet) -> float:
    """Memory for latents that are encoded once; none where crops or flips vary."""
    varies = data.crop == "random" or options.horizontal_flip
    if varies and options.cache_latents:
        raise ModelError(
            "finetune.cache_latents = true keeps one latent a picture, but crops or flips vary; set dataset.crop to "
            "'none' or 'center' and finetune.horizontal_flip = false, or leave cache_latents out"
        )
    return 0 if varies or options.cache_latents is False else options.cache_gib * 2**30
