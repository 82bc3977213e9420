"""Ranges of activations from images."""

import numpy as np
import onnx
import pytest

from ca_deploy.errors import ModelError
from ca_deploy.formats._channel_scales import ChannelScales
from ca_deploy.formats.onnx.calibrate import activation_ranges, observe
from ca_deploy.formats.onnx.quantise import quantise_static
from ca_deploy.networks.source import Network
from tests.formats.onnx.kit import Export, photos
from tests.samples import normalised, samples_of


def test_percentile_cuts_both_ends(exported: Export, network: Network) -> None:
    model = onnx.load(exported("onnx_float32")[1])
    images = normalised(network, photos(8, seed=2))
    fed = samples_of(images)
    everything = activation_ranges(observe(model, fed, 1))
    most = activation_ranges(observe(model, fed, 1, 99.0))
    assert everything["image"] == (images.min(), images.max())
    np.testing.assert_allclose(most["image"], np.percentile(images, [0.5, 99.5]), atol=0.01)
    for name, (low, high) in everything.items():
        assert low - 1e-5 <= most[name][0] <= most[name][1] <= high + 1e-5


@pytest.mark.parametrize("percentile", [100, 90])
def test_what_is_only_moved_has_the_range_of_what_it_was(percentile: float) -> None:
    """A map that is transposed and reshaped, and copies; a part of it is another tensor."""
    model = onnx.parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17]>
        moved (float[1, 2, 3, 4] image) => (float[1, 4, 3, 2] last)
        <int64[2] shape = {6, 4}, int64[1] first = {0}, int64[3] three = {0, 0, 0}>
        {
            twice = Add(image, image)
            turned = Transpose <perm = [0, 3, 2, 1]> (twice)
            flat = Reshape(turned, shape)
            part = Gather <axis = 1> (flat, first)
            copies = Gather <axis = -4> (turned, three)
            last = Mul(turned, turned)
        }
        """
    )
    model = onnx.shape_inference.infer_shapes(model)
    random = np.random.default_rng(0)
    fed = samples_of(random.normal(size=(8, 2, 3, 4)).astype(np.float32))
    found = activation_ranges(observe(model, fed, 1, percentile))
    assert found.keys() == {"image", "twice", "turned", "flat", "part", "copies", "last"}
    assert found["turned"] == found["flat"] == found["copies"] == found["twice"]
    assert found["part"] != found["twice"] and found["last"][0] >= 0
    scales = {"turned": ChannelScales()}
    observed = observe(model, fed, 1, percentile, scales)
    assert "turned" in observed.tensors and "turned" not in observed.moved


@pytest.mark.parametrize("percentile", [100, 99.99])
def test_a_mask_of_minus_infinity_has_no_scale_and_is_refused_unless_it_stays_float(percentile: float) -> None:
    model = onnx.parser.parse_model(
        """
        <ir_version: 8, opset_import: ["": 17]>
        masked (float[1, 4] image) => (float[1, 4] last)
        <float[1] infinite = {-inf}, bool[4] mask = {1, 0, 0, 1}>
        {
            masked = Where(mask, infinite, image)
            soft = Softmax(masked)
            last = Add(soft, image)
        }
        """
    )
    model = onnx.shape_inference.infer_shapes(model)
    for node in model.graph.node:
        node.name = node.op_type
    fed = samples_of(np.random.default_rng(0).normal(size=(8, 4)).astype(np.float32))
    ranges = activation_ranges(observe(model, fed, 1, percentile))
    with pytest.raises(ModelError, match=r"^Where has infinite values or NaN .*Mask with a finite number"):
        quantise_static(model, ranges)
    quantise_static(model, ranges, ["Where", "Softmax"])
