"""DeepLabV3: the paper's parameters, output strides, and the same function as the paper's concatenation."""

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.models import deeplabv3
from ca_deploy.models.deeplabv3 import AtrousSpatialPyramid, DeepLabV3
from ca_deploy.models.mobilenet_v2 import MobileNetV2
from ca_deploy.networks.source import load
from ca_deploy.records.model import ModelSource, registered_models

NAMES = sorted(name for name in registered_models() if name.startswith("deeplabv3_"))


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_those_published(name: str) -> None:
    with torch.device("meta"):
        network: DeepLabV3 = getattr(deeplabv3, name)()
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert [f"{millions:.1f}M"] == [one.parameters for one in registered_models()[name].published]


@pytest.mark.parametrize("name", NAMES)
def test_logits_stand_at_the_output_stride_and_mean_a_class_per_pixel(name: str) -> None:
    source = ModelSource(name, random_weights=True, width=0.35, input_size=(50, 64), num_classes=3)
    network = load(source)
    stride = 8 if name.endswith("_s8") else 16
    assert network.signature.outputs[0].shape == (1, 3, -(-50 // stride), 64 // stride)
    assert network.task.name == "segmentation"


def test_dilation_takes_the_place_of_stride() -> None:
    wide, dense = (MobileNetV2(1, 0.35, None, output_stride=stride).eval() for stride in (32, 8))
    dense.load_state_dict(wide.state_dict())
    rates = {module.dilation[0] for module in dense.modules() if isinstance(module, nn.Conv2d) and module.groups > 1}
    assert rates == {1, 2, 4}
    image = torch.randn(1, 3, 128, 128)
    with torch.no_grad():  # every fourth cell of the dense maps sees what a cell of the others does
        torch.testing.assert_close(dense.features(image)[..., ::4, ::4], wide.features(image), rtol=1e-4, atol=1e-4)


def test_the_pyramid_is_that_of_the_paper() -> None:
    class Published(nn.Module):
        """The mean repeated and concatenated, then one projection."""

        def forward(self, own: AtrousSpatialPyramid, x: Tensor) -> Tensor:
            mean = own.pooled(x.mean((2, 3), keepdim=True)).expand(-1, -1, *x.shape[2:])
            weight = torch.cat([own.project.weight, own.project_pooled.weight], dim=1)
            maps = torch.cat([*(branch(x) for branch in own.branches), mean], dim=1)
            y: Tensor = own.norm(nn.functional.conv2d(maps, weight))
            return y

    own, x = AtrousSpatialPyramid(6, (1, 2, 3)).eval(), torch.randn(1, 6, 7, 5)
    with torch.no_grad():
        torch.testing.assert_close(own(x), Published()(own, x), rtol=1e-4, atol=1e-4)
