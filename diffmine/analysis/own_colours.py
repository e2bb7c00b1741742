"""Which colours are a cluster's own: those that other pictures do not show at the same places."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SURE = 2.0
"""Standard errors by which a colour must be more frequent than elsewhere, before anything is said of it."""
PRIOR = 0.25
"""Share of each colour in one more crop that is thought of, so that none seems sure by the luck of a few crops."""
USUAL_FROM = 0.2
"""Share from which on a colour is common enough elsewhere for its lack to tell how much of a crop is something new."""


def own_colours(shown: NDArray[np.float64], usual: NDArray[np.float64]) -> NDArray[np.float64]:
    """The colours of what is new in crops, as a mixture is taken apart.

    What crops show is thought of as a mixture of what the same places usually show, and of something new. Of the usual
    there can be no more than the colour allows that has become rarest (as in the estimation of mixture proportions,
    Blanchard et al. 2010); what remains are the colours of the new.

    Args:
        shown: (crops, colours), the share of each colour in a crop; rows sum to 1.
        usual: (others, colours), the same in other pictures.
    Returns:
        (colours,): the share of the new that each makes up; 0 for those that are not surely more frequent than usual.
    """
    mean, elsewhere = shown.mean(axis=0), usual.mean(axis=0)
    common = elsewhere >= USUAL_FROM
    kept = min(1.0, float((mean[common] / elsewhere[common]).min(initial=1.0)))
    new = np.clip(mean - kept * elsewhere, 0, None)
    error = np.sqrt(_variance(shown) / len(shown) + _variance(usual) / len(usual))
    surely = mean - elsewhere > SURE * error
    shares: NDArray[np.float64] = np.where(surely, new, 0) / max(float(new.sum()), 1e-9)
    return shares


def _variance(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each colour between crops, (colours,)."""
    one_more = np.full((1, shares.shape[1]), PRIOR)
    variance: NDArray[np.float64] = np.concatenate([shares, one_more]).var(axis=0)
    return variance
