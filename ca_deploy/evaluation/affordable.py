"""How many samples a comparison can hold in memory: the outputs of segmenters are larger than their inputs."""

from math import prod

from ca_deploy.evaluation.parity import FEWEST_IMAGES
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import Signature

_MOST_BYTES = 2**30  # of one model's outputs; a comparison holds them twice, and some more


def affordable(samples: Samples, signature: Signature) -> Samples:
    """The samples, or the first of them: as many as fit, but no fewer than a verdict needs."""
    bytes_each = 4 * sum(prod(given.shape) for given in signature.outputs)
    return samples.first(max(FEWEST_IMAGES, _MOST_BYTES // max(bytes_each, 1)))
