"""Ranges of activations from images."""

import numpy as np
import onnx

from ca_deploy.formats.onnx.calibrate import activation_ranges, observe
from ca_deploy.networks.source import Network
from tests.formats.onnx.kit import Export, photos
from tests.samples import normalised, samples_of


def test_percentile_cuts_both_ends(exported: Export, network: Network) -> None:
    model = onnx.load(exported("onnx_float32")[1])
    images = normalised(network, photos(8, seed=2))
    fed = samples_of(images)
    everything = activation_ranges(observe(model, fed, 1, histograms=False), 100)
    most = activation_ranges(observe(model, fed, 1, histograms=True), 99.0)
    assert everything["image"] == (images.min(), images.max())
    np.testing.assert_allclose(most["image"], np.percentile(images, [0.5, 99.5]), atol=0.01)
    for name, (low, high) in everything.items():
        assert low - 1e-5 <= most[name][0] <= most[name][1] <= high + 1e-5
