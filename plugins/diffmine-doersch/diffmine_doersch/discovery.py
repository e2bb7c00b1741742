"""From windows to the detectors of a label: candidates, trainings, ranking.

Doersch, Singh, Gupta, Sivic and Efros, *What Makes Paris Look like Paris?*, ACM Transactions on Graphics 31 (2012),
section 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diffmine.numerics.seeding import numpy_generator
from diffmine.types import BoolArray, FloatArray
from diffmine_doersch.bank import Bank, Firings
from diffmine_doersch.options import DetectorConfig

SPLITS = 3
ALIKE = 0.1
"""Share of common firings above which two detectors are one (5 of 50 in the paper)."""


@dataclass(frozen=True, slots=True)
class Found:
    """Detectors of a label, the purest first.

    Attributes:
        weights: float32, (detectors, dims), and ``biases``, float32, (detectors,): of the SVMs, scaled to log odds.
        purity: float64, (detectors,): share of the top firings that lie in the label's pictures.
    """

    weights: FloatArray
    biases: FloatArray
    purity: NDArray[np.float64]


def discover(config: DetectorConfig, bank: Bank, label: int, seed: int) -> Found:
    """The detectors of a label, given by its row in ``bank.carried``; at least one."""
    carried = bank.carried[label]
    seeds = pure_candidates(config, bank, candidates(config, bank, carried, seed), carried)
    weights, biases = bank.described[seeds], np.zeros(len(seeds), dtype=np.float32)
    for number in range(config.rounds):
        weights, biases = trained(config, bank, weights, carried, number % SPLITS)
    return ranked(config, bank, weights, biases, carried, config.rounds % SPLITS)


def candidates(config: DetectorConfig, bank: Bank, carried: BoolArray, seed: int) -> NDArray[np.int64]:
    """Windows of the label's pictures, as many of each: not flat, drawn by the seed, and none over another."""
    pictures = np.flatnonzero(carried)
    share = -(-config.candidates // len(pictures))
    drawn: list[np.int64] = []
    for picture in pictures:
        rows = bank.starts[picture] + np.flatnonzero(bank.rich[bank.starts[picture] : bank.starts[picture + 1]])
        kept: list[np.int64] = []
        for row in numpy_generator(seed, "candidates", bank.digests[picture]).permutation(rows):
            if len(kept) == share:
                break
            if not bank.overlapping(row, np.array(kept, dtype=np.int64)).any():
                kept.append(row)
        drawn.extend(kept)
    return np.array(drawn)[: config.candidates]


def pure_candidates(
    config: DetectorConfig, bank: Bank, rows: NDArray[np.int64], carried: BoolArray
) -> NDArray[np.int64]:
    """Of these windows those whose nearest neighbours lie in the label's pictures most often, and no two alike.

    A neighbour is the best window of another picture, by correlation.
    """
    firings = bank.best(bank.described[rows], np.arange(len(carried)))
    own = np.searchsorted(bank.starts, rows, side="right") - 1
    firings.scores[np.arange(len(rows)), own] = -np.inf
    top = firings.top(config.neighbours)
    purity = carried[top].mean(axis=1)
    likeness = np.take_along_axis(firings.scores, top, axis=1).mean(axis=1)
    order = np.lexsort((-likeness, -purity))
    return rows[distinct(bank, firings, top, order, config.seeds)]


def distinct(
    bank: Bank, firings: Firings, top: NDArray[np.int64], order: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """The first ``count`` templates, in an order, whose top firings are not those of one before."""
    shown = np.full(firings.scores.shape, -1, dtype=np.int64)
    np.put_along_axis(shown, top, np.take_along_axis(firings.rows, top, axis=1), axis=1)
    kept: list[np.int64] = []
    for one in order:
        if len(kept) == count:
            break
        others = shown[kept][:, top[one]]
        common = (others >= 0) & bank.overlapping(shown[one, top[one]], others)
        if not (common.mean(axis=1) > ALIKE).any():
            kept.append(one)
    return np.array(kept)


def trained(
    config: DetectorConfig, bank: Bank, weights: FloatArray, carried: BoolArray, split: int
) -> tuple[FloatArray, FloatArray]:
    """SVMs of the windows in a split on which each detector fires most, against the best of other pictures there."""
    here = bank.split == split
    positive = bank.best(weights, np.flatnonzero(here & carried))
    members = np.take_along_axis(positive.rows, positive.top(config.members), axis=1)
    others = np.flatnonzero(here & ~carried)
    negatives: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)] * len(weights)
    biases = np.full(len(weights), np.inf, dtype=np.float32)  # at first, each other picture's best window is hard
    for _ in range(config.passes):
        hard = bank.best(weights, others)
        for one in range(len(weights)):
            inside_margin = hard.rows[one][hard.scores[one] + biases[one] > -1]
            negatives[one] = np.union1d(negatives[one], inside_margin)
        fits = [_svm(config, bank, rows, against) for rows, against in zip(members, negatives, strict=True)]
        weights, biases = (np.array(part, dtype=np.float32) for part in zip(*fits, strict=True))
    return weights, biases


def _svm(
    config: DetectorConfig, bank: Bank, members: NDArray[np.int64], negatives: NDArray[np.int64]
) -> tuple[FloatArray, float]:
    from sklearn.svm import LinearSVC

    # Few members against many: each side has the same say, and C is far below the paper's, whose negatives are all
    # windows and hold the weights in place.
    svm = LinearSVC(C=config.regularisation, class_weight="balanced", random_state=0)
    rows = np.concatenate([members, negatives])
    svm.fit(bank.described[rows], np.arange(len(rows)) < len(members))
    return svm.coef_[0], float(svm.intercept_[0])


def ranked(
    config: DetectorConfig, bank: Bank, weights: FloatArray, biases: FloatArray, carried: BoolArray, split: int
) -> Found:
    """The detectors whose top firings in a split are purest, and no two alike.

    Scores of SVMs cannot be compared. They become log odds that a picture whose best window scores so carries the
    label, were half of the pictures to carry it, by logistic regression in the same split (Platt, 1999).
    """
    pictures = np.flatnonzero(bank.split == split)
    firings, own = bank.best(weights, pictures), carried[pictures]
    top = firings.top(min(config.firings, int(own.sum())))
    purity = own[top].mean(axis=1)
    margin = np.take_along_axis(firings.scores, top, axis=1).mean(axis=1) + biases
    kept = distinct(bank, firings, top, np.lexsort((-margin, -purity)), config.detectors)
    slopes, offsets = np.array([_log_odds(firings.scores[one], own) for one in kept], dtype=np.float32).T
    return Found(weights[kept] * slopes[:, None], offsets, purity[kept])


def _log_odds(scores: FloatArray, own: BoolArray) -> tuple[float, float]:
    """Slope, never negative, and offset."""
    from sklearn.linear_model import LogisticRegression

    mean, deviation = float(scores.mean()), float(scores.std()) + 1e-6
    fitted = LogisticRegression(class_weight="balanced").fit((scores[:, None] - mean) / deviation, own)
    slope = max(0.0, float(fitted.coef_[0, 0])) / deviation
    return slope, float(fitted.intercept_[0]) - slope * mean
