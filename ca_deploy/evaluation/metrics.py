"""Metrics of a tensor against its reference: pure functions on arrays of equal shape ``(N, …)``."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Logits = NDArray[np.float32]


def max_abs_error(reference: Logits, other: Logits) -> float:
    """Largest absolute difference, in units of the output."""
    return float(np.max(np.abs(reference.astype(np.float64) - other), initial=0))  # an output may be empty


def sqnr_db(reference: Logits, other: Logits) -> float:
    """Signal-to-quantisation-noise ratio in dB, ``10 log10(sum(ref²) / sum((ref - other)²))``; inf where equal."""
    return decibels(*powers(reference, other))


def powers(reference: Logits, other: Logits) -> tuple[float, float]:
    """Of the reference, and of the difference: the sums of their squares."""
    signal = np.sum(np.square(reference, dtype=np.float64))
    return float(signal), float(np.sum(np.square(reference.astype(np.float64) - other)))


def decibels(signal: float, noise: float) -> float:
    """The ratio of two powers in dB; inf without noise."""
    with np.errstate(divide="ignore"):  # a reference of zeros
        return float("inf") if noise == 0 else float(10 * np.log10(np.float64(signal) / noise))  # NaN stays NaN


def cosine(reference: Logits, other: Logits) -> float:
    """Cosine similarity of the two arrays, over all images together."""
    a, b = reference.astype(np.float64).ravel(), other.astype(np.float64).ravel()
    norm = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norm) if norm > 0 else float(np.array_equal(a, b))


def largest(figures: Iterable[float | None]) -> float | None:
    """Of those that are known; NaN, if one is."""
    known = [figure for figure in figures if figure is not None]
    return float(np.max(known)) if known else None


def smallest(figures: Iterable[float | None]) -> float | None:
    """As :func:`largest`."""
    known = [figure for figure in figures if figure is not None]
    return float(np.min(known)) if known else None


def at_most_percent(successes: float, trials: int, confidence: float = 0.95) -> float:
    """The one-sided upper bound of a share, exact for the binomial distribution (Clopper and Pearson, 1934)."""
    from scipy.special import betaincinv

    return 100.0 if successes >= trials else float(100 * betaincinv(successes + 1, trials - successes, confidence))


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Exact two-sided McNemar p-value of two classifiers on the same images.

    ``only_first`` counts the images that only the first classifies correctly, ``only_second`` those only the second.
    """
    from scipy.stats import binomtest

    disagreements = only_first + only_second
    return float(binomtest(only_first, disagreements, 0.5).pvalue) if disagreements else 1.0
