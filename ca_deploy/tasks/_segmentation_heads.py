"""Heads of segmenters."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError
from ca_deploy.records.module_path import WRAPPED
from ca_deploy.tasks.segmentation import main_output

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network


class Resized(nn.Module):
    """Logits ``(N, classes, h, w)`` -> ``(N, classes, H, W)`` of the image.

    Bilinear with half-pixel centres (``align_corners=False``): a cell's logits stand at its centre, as they do where
    DeepLabV3's are resized for its loss. Auxiliary outputs are left out.

    Raises:
        ModelError: the network has no image, or a class map as its output.
    """

    def __init__(self, network: "Network") -> None:
        super().__init__()
        signature, given = network.signature, main_output(network.signature)
        images = [number for number, taken in enumerate(signature.inputs) if taken.preprocessing is not None]
        if given is None or len(given.shape) != 4 or not images:
            raise ModelError(f"{network.name} gives no logits of an image, so --head has nothing to resize. Drop it.")
        self.add_module(WRAPPED, network.module)
        self._image = images[0]
        self._output = signature.outputs.index(given)
        self._is_resized = given.shape[2:] == signature.inputs[self._image].shape[2:]
        self._is_probability = given.activation == "sigmoid"

    def forward(self, *tensors: Tensor) -> Tensor:
        found = self.get_submodule(WRAPPED)(*tensors)
        maps: Tensor = found[self._output] if isinstance(found, tuple) else found
        if self._is_resized:
            return maps
        size = tensors[self._image].shape[2:]
        return nn.functional.interpolate(maps, size, mode="bilinear", align_corners=False)


class ClassMap(Resized):
    """Logits ``(N, classes, h, w)`` -> the most probable class of each pixel of the image, int32 ``(N, H, W)``."""

    def forward(self, *tensors: Tensor) -> Tensor:
        maps = super().forward(*tensors)
        if maps.shape[1] == 1:
            return (maps[:, 0] > (0.5 if self._is_probability else 0)).to(torch.int32)
        return maps.argmax(1).to(torch.int32)
