"""From a picture to the denoising loss of each of its latent pixels, from top to bottom. Imports torch.

For a picture x, a draw (t, noise) and a condition c (a label, or the null condition)::

    z    = encode(x)                                        latent_of
    z_t  = add_noise(z, noise, t)                           paired_predictions
    p_c  = predict(z_t, t, c)                               paired_predictions
    L_c  = w_t mean over channels of (p_c - target)^2       squared_error
    T(c) = mean over draws of [L_null - L_c]                diffmine.diffusion.scoring

What z_t and target are is the model's own affair (``Denoiser``): with alpha_bar_t of DDPM,
z_t = sqrt(alpha_bar_t) z + sqrt(1 - alpha_bar_t) noise, and target is the noise (Ho et al. 2020, eqs. 4 and 14) or
v = sqrt(alpha_bar_t) noise - sqrt(1 - alpha_bar_t) z (Salimans & Ho 2022, appendix D); with flow matching,
z_t = (1 - t) z + t noise, and target is the velocity noise - z (Esser et al. 2024, eqs. 13 and 14). w_t is 1, or tells
the error as one of another target (``diffmine.diffusion.schedule.error_weights``). T is the
typicality of Siglidis et al., *Diffusion Models as Data Mining Tools* (2024); draws come from
``diffmine.diffusion.draws``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from diffmine.interfaces import Conditioning, Denoiser
from diffmine.pictures.decoding import to_model
from diffmine.types import ByteArray, Related


def latent_of(denoiser: Denoiser, pixels: ByteArray) -> Tensor:
    """z = encode(x): the latent of one picture.

    Args:
        denoiser: the model.
        pixels: uint8, (height, width, 3); padded at the right and at the bottom to the model's multiple.
    Returns:
        float32, (channels, h, w), on the model's device.
    """
    return denoiser.encode(to_model(pixels, denoiser.size_multiple)[None].to(denoiser.device))[0]


def paired_predictions(
    denoiser: Denoiser,
    latents: Tensor,
    noise: Tensor,
    fractions: Tensor,
    conditions: Tensor,
    conditioning: Conditioning,
) -> tuple[Tensor, Tensor]:
    """What the model predicts of noised latents, each under one or several conditions, and what it should predict.

    Args:
        denoiser: the model.
        latents: z, float32, (draws, channels, h, w), on the model's device.
        noise: of the shape of ``latents``.
        fractions: positions on the noise schedule, float, (draws,), in [0, 1).
        conditions: how many conditions each draw is denoised under, integer, (draws,); they see the same z_t.
        conditioning: the conditions, those of the first draw first; (rows,), where rows is the sum of ``conditions``.
    Returns:
        prediction and target, each float32, (rows, channels, h, w).
    """
    timesteps = denoiser.timesteps(fractions)
    noisy = denoiser.add_noise(latents, noise, timesteps).repeat_interleave(conditions, dim=0)
    target = denoiser.target(latents, noise, timesteps).repeat_interleave(conditions, dim=0)
    return denoiser.predict(noisy, timesteps.repeat_interleave(conditions), conditioning), target


@dataclass(frozen=True, slots=True)
class Predictions:
    """What the model predicts of one draw of one picture under each of its conditions; on the model's device.

    Attributes:
        prediction: noise, v or velocity, whatever the model predicts, float32, (conditions, channels, h, w).
        target: what it should have predicted, float32, (channels, h, w).
        conditions: the null condition (None) first.
        own: the picture's own labels.
        related: label -> labels that it is not compared with, see ``ModelTools.related``.
        parents: label -> the label above it, None of a root, see ``ModelTools.parents``.
        weight: what squares of errors, and of differences of predictions, count at this timestep.
    """

    prediction: Tensor
    target: Tensor
    conditions: tuple[str | None, ...]
    own: tuple[str, ...]
    related: Related = field(default_factory=dict)
    parents: Mapping[str, str | None] = field(default_factory=dict)
    weight: float = 1.0


Measure = Callable[[Predictions], Tensor]
"""What is kept of a draw: for each condition a map, float32, (conditions, h, w)."""


def siblings(
    label: str, conditions: Iterable[str | None], own: Sequence[str], related: Related | None = None
) -> list[str]:
    """The labels that a label is to be told from: the others that the picture was denoised under.

    A picture's own labels are no siblings of each other: each helps to explain it, and they would cancel. Nor are
    neighbours on the labels' axis, which look much alike.

    Args:
        label: one of ``conditions``.
        conditions: what the picture was denoised under.
        own: the picture's own labels.
        related: label -> labels that it is not compared with.
    """
    kin = {*(own if label in own else ()), label, *(related or {}).get(label, ())}
    return [condition for condition in conditions if condition is not None and condition not in kin]


def squared_error(predictions: Predictions) -> Tensor:
    """L_c = w_t mean over channels of (p_c - target)^2: the loss of each latent pixel, (conditions, h, w)."""
    return predictions.weight * (predictions.prediction - predictions.target).square().mean(1)


def influence(predictions: Predictions) -> Tensor:
    """I_c = w_t mean over channels of (p_c - p_null)^2: how far the condition moves the prediction, (conditions, h, w).

    With e = target - p_c and d = p_c - p_null, L_null - L_c = w_t mean over channels of (d^2 + 2 e d): the second has
    mean 0 where the model is right, and holds the sign and most of the noise; the first says where the condition
    matters (Kong et al., *Interpretable Diffusion via Information Decomposition*, ICLR 2024, conditional pixel
    information). It takes no further forward.
    """
    return predictions.weight * (predictions.prediction - predictions.prediction[:1]).square().mean(1)


def influence_over_parent(predictions: Predictions) -> Tensor:
    """w_t mean over channels of (p_c - p_parent)^2, :func:`influence` with the label above in place of the null
    condition, which is the parent of a root; (conditions, h, w).
    """
    place = {condition: row for row, condition in enumerate(predictions.conditions)}
    above = [place[None if one is None else predictions.parents.get(one)] for one in predictions.conditions]
    return predictions.weight * (predictions.prediction - predictions.prediction[above]).square().mean(1)


def influence_among_siblings(predictions: Predictions) -> Tensor:
    """w_t mean over the siblings s of c, and over channels, of (p_c - p_s)^2; 0 without siblings; (conditions, h, w).

    The mean over siblings of L_s - L_c is this and a second term, as with :func:`influence` and the null condition.
    """
    place = {condition: row for row, condition in enumerate(predictions.conditions)}
    prediction = predictions.prediction
    found = torch.zeros_like(prediction[:, 0])
    for label, row in place.items():
        if label is not None and (others := siblings(label, place, predictions.own, predictions.related)):
            found[row] = (prediction[row] - prediction[[place[one] for one in others]]).square().mean((0, 1))
    return predictions.weight * found
