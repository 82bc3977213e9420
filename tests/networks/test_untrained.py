"""An untrained network with a registered name answers to its input: it can be quantised, compared and proved."""

import pytest
import torch
from skimage import data

from ca_deploy.networks.source import load
from ca_deploy.records.model import ModelSource

NAMES = ("mobilenet_v2", "mobilenet_v2_cbam", "mobilenext_se", "efficientnet_b0_ca", "ssdlite320_mobilenet_v2_ca")
MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])


def photo(pixels: object, size: int) -> torch.Tensor:
    image = (torch.as_tensor(pixels)[:300, :300].div(255) - MEAN) / STD
    return torch.nn.functional.interpolate(image.permute(2, 0, 1)[None], (size, size), mode="bilinear")


@pytest.mark.parametrize("name", NAMES)
def test_the_answers_of_an_untrained_network_depend_on_its_photo(name: str) -> None:
    network = load(ModelSource(name, random_weights=True))
    size = network.signature.inputs[0].shape[2]
    with torch.inference_mode():
        given = network.module(torch.cat([photo(data.chelsea(), size), photo(data.coffee(), size)]))
    answers = given[0] if isinstance(given, tuple) else given
    assert 1e-2 < answers.std() < 1e2  # within what float16 can hold in every layer
    assert (answers[0] - answers[1]).std() > 0.1 * answers.std()


def test_it_is_the_same_in_every_process() -> None:
    source = ModelSource("mobilenet_v2_se", random_weights=True, width=0.5, input_size=32)
    one, other = load(source).module.state_dict(), load(source).module.state_dict()
    assert all(torch.equal(value, other[key]) for key, value in one.items())
