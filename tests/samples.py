"""Pixels, signatures and networks in memory, in the form that ca-deploy passes them on."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ca_deploy.networks.arguments import IMAGE, Argument
from ca_deploy.networks.prove import prove
from ca_deploy.networks.source import Network
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.tasks import meaning_of


def samples_of(pixels: NDArray[Any], name: str = IMAGE) -> Samples:
    """Pixels ``(N, H, W, C)``, or an only input's samples of any kind; the digests are their numbers."""
    return Samples({name: pixels}, tuple(map(str, range(len(pixels)))))


def image_input(preprocessing: Preprocessing) -> NetworkInput:
    """An image that is prepared so."""
    shape = (1, preprocessing.depth, preprocessing.height, preprocessing.width)
    return NetworkInput(IMAGE, shape, preprocessing=preprocessing)


def signature_of(preprocessing: Preprocessing, classes: int = 5) -> Signature:
    """That of a classifier of images."""
    return Signature((image_input(preprocessing),), (NetworkOutput("logits", (1, classes)),))


def network_of(module: nn.Module, preprocessing: Preprocessing, name: str = "tiny") -> Network:
    """A trained network that takes one image, as it is loaded, but without a copy."""
    proven = prove(name, module, (Argument(IMAGE),), (image_input(preprocessing),))
    meaning = meaning_of(None, proven.signature)
    return Network(
        name=name,
        module=proven.module,
        original=module,
        signature=proven.signature.named(meaning.task.output_name),
        task=meaning.task,
        task_reason=meaning.reason,
        labels=None,
        trained=True,
        checkpoint=None,
        checkpoint_sha256=None,
        checkpoint_layout=None,
        default_calibration=None,
    )


def normalised(network: Network, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Pixels of the only image as the network takes them."""
    return network.signature.photo_or_refuse("a test").normalise(rgb)


def answers(network: Network, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The only output of PyTorch for pixels of the only image, all in one batch."""
    with torch.inference_mode():
        found: NDArray[np.float32] = network.module(torch.from_numpy(normalised(network, rgb))).numpy()
    return found
