"""Biases make up for rounded weights."""

import numpy as np
import onnx
import torch
from torch import nn

from ca_deploy.formats.onnx.bias_correction import correct_biases
from ca_deploy.formats.onnx.calibrate import activation_ranges, observe
from ca_deploy.formats.onnx.convert import to_onnx
from ca_deploy.formats.onnx.quantise import quantise_static
from tests.formats.onnx.kit import (
    as_network,
    exact_session,
    photos,
)
from tests.samples import answers, normalised, samples_of


def test_biases_are_corrected_where_rounding_shifts_the_mean() -> None:
    """One convolution whose weights all round down: its quantised outputs keep the float mean only if corrected."""
    torch.manual_seed(1)  # its biases, which would depend on the tests before
    convolution = nn.Conv2d(3, 4, 3)
    with torch.no_grad():
        convolution.weight.fill_(0.4 / 127)
        convolution.weight[:, 0, 0, 0] = 1.0
    single = as_network(nn.Sequential(convolution, nn.AdaptiveAvgPool2d(1), nn.Flatten()))
    model, _ = to_onnx(single, 18, dynamic_batch=False)
    images = normalised(single, photos(16, seed=2))
    quantised = quantise_static(model, activation_ranges(observe(model, samples_of(images), 1)))
    wanted = answers(single, photos(16, seed=2)).mean(axis=0)
    before = np.abs(mean_logits(quantised, images) - wanted).max()
    correct_biases(quantised, model, samples_of(images), 1)
    assert np.abs(mean_logits(quantised, images) - wanted).max() < before / 4


def mean_logits(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = exact_session(model)
    logits: np.ndarray = np.concatenate([session.run(None, {"image": image[None]})[0] for image in images]).mean(axis=0)
    return logits
