"""Outputs that would not fit into memory are compared on fewer samples, but on as many as a verdict needs."""

import numpy as np
import pytest

from ca_deploy.evaluation.affordable import affordable
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature


@pytest.mark.parametrize(
    ("shape", "count"),
    [((1, 1000), 128), ((1, 21, 320, 320), 124), ((1, 21, 512, 512), 48), ((1, 150, 2048, 1024), 32)],
)
def test_as_many_as_fit_into_a_gibibyte(shape: tuple[int, ...], count: int) -> None:
    signature = Signature((NetworkInput("x", (1, 1)),), (NetworkOutput("map", shape),))
    samples = Samples({"x": np.zeros((128, 1), np.float32)}, tuple(map(str, range(128))))
    assert len(affordable(samples, signature)) == count
