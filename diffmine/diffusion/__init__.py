"""What scorers with a diffusion model are made of, for plugins as for the built-in ones.

``LossConfig``, ``LossScorer`` and ``other_labels`` are light. The modules ``losses``, ``draws``, ``scoring``,
``schedule``, ``sampling`` and ``inversion`` import torch, so components import them inside methods.
"""

from diffmine.diffusion.loss_scorer import LossConfig, LossScorer, other_labels

__all__ = ["LossConfig", "LossScorer", "other_labels"]
