"""Is a network shown what it was trained for? Its batch norms remember the mean and variance of their inputs.

Photos of the trained domain, prepared as in training, reproduce these statistics; noise, black frames, pixels that were
not normalised, and often another mean and standard deviation do not (the same statistics make calibration images in
ZeroQ, arXiv 2001.00281). ``benchmarks/README.md`` has what was measured.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network

# Between what belongs to the trained domain and what does not, on two networks: the table in benchmarks/README.md.
FAR = 0.2
FAR_AT_FIRST = 0.25
_FEWEST_AT_FIRST = 16  # of fewer samples, the brightness of each counts too much
_MOST_SAMPLES = 32  # chosen by chance; more change the distances little, and each is an inference
_MOST_PER_CHANNEL = 50.0  # one that was constant in training would dominate the others


@dataclass(frozen=True, slots=True)
class TrainingDistance:
    """How far the inputs of batch norms are from their running statistics, 0 if equal.

    Per channel, the squared shift of the mean plus the squared change of the standard deviation, both in units of the
    running standard deviation; averaged over the channels of a layer. ``average`` is over all layers. ``first`` is of
    the one that runs first, which shows another normalisation best; None of fewer than 16 samples.
    """

    average: float
    first: float | None

    @property
    def is_far(self) -> bool:
        """Whether photos of the trained domain, prepared as in training, are closer."""
        return self.average > FAR or (self.first is not None and self.first > FAR_AT_FIRST)

    @property
    def text(self) -> str:
        """The figures, with what they are compared with."""
        at_first = f", {self.first:.2g} at the first one (below {FAR_AT_FIRST:g})" if self.first is not None else ""
        return f"{self.average:.2g} on average over its batch norms (photos of its domain: below {FAR:g}){at_first}"


def distance_from_training(network: "Network", samples: Samples) -> TrainingDistance | None:
    """Run some of the samples through the network, and compare what its batch norms see with their statistics.

    None for a network that is untrained, or has no batch norm with statistics from training (a ``.pt2`` program has no
    modules).
    """
    norms = [norm for norm in network.original.modules() if isinstance(norm, _BatchNorm) and _is_trained(norm)]
    if not norms or not network.trained or not len(samples):
        return None
    # Not evenly spaced: a set may repeat its photos in turn.
    some = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))[:_MOST_SAMPLES]
    chosen = samples.rows(some.tolist())
    inputs = network.signature.inputs
    with torch.inference_mode(), _watching(norms) as seen:
        for rows in chosen.batches():
            network.module(*(torch.from_numpy(taken.to_network(rows[taken.name])) for taken in inputs))
    distances = [found.distance for found in seen]
    if not distances:
        return None
    return TrainingDistance(sum(distances) / len(distances), distances[0] if len(chosen) >= _FEWEST_AT_FIRST else None)


@dataclass(slots=True)
class _Statistics:
    """Mean and variance per channel of each input of one batch norm."""

    norm: _BatchNorm
    means: list[Tensor] = field(default_factory=list)
    variances: list[Tensor] = field(default_factory=list)

    def add(self, values: Tensor) -> None:
        variance, mean = torch.var_mean(values.transpose(0, 1).flatten(1), dim=1, correction=0)
        self.means.append(mean)
        self.variances.append(variance)

    @property
    def distance(self) -> float:
        running_mean, running_var = self.norm.running_mean, self.norm.running_var
        assert running_mean is not None and running_var is not None
        means = torch.stack(self.means)
        variance = torch.stack(self.variances).mean(0) + means.var(0, correction=0)
        running = running_var + self.norm.eps
        shift = (means.mean(0) - running_mean).square() / running
        stretch = ((variance + self.norm.eps) / running).sqrt() - 1
        return float((shift + stretch.square()).clamp(max=_MOST_PER_CHANNEL).mean())


def _is_trained(norm: _BatchNorm) -> bool:
    """Whether it has statistics that are not those of a new layer."""
    mean, variance = norm.running_mean, norm.running_var
    return mean is not None and variance is not None and not (bool((mean == 0).all()) and bool((variance == 1).all()))


@contextmanager
def _watching(norms: Sequence[_BatchNorm]) -> Iterator[list[_Statistics]]:
    """The statistics of those that run, in the order of their first run."""
    seen: dict[_BatchNorm, _Statistics] = {}

    def hook(norm: nn.Module, taken: tuple[Tensor, ...]) -> None:
        assert isinstance(norm, _BatchNorm)
        seen.setdefault(norm, _Statistics(norm)).add(taken[0])

    found: list[_Statistics] = []
    handles = [norm.register_forward_pre_hook(hook) for norm in norms]
    try:
        yield found
        found.extend(seen.values())
    finally:
        for handle in handles:
            handle.remove()
