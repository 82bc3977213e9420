"""PyTorch itself: the reference that every exported file is compared with."""

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from ca_deploy.networks.source import Network
from ca_deploy.records.tensors import TensorSpec, output_layout


class TorchSession:
    """A network in eager mode, batch 1 like the exported files."""

    def __init__(self, network: Network) -> None:
        self.runtime = f"PyTorch {torch.__version__}"
        self.settings: Mapping[str, str] = {}
        self._module = network.module
        with torch.inference_mode():
            shape = tuple(self._module(network.example()).shape)
        self.inputs = (TensorSpec("image", tuple(network.example().shape), "float32", "NCHW"),)
        self.outputs = (TensorSpec("logits", shape, "float32", output_layout(len(shape))),)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        with torch.inference_mode():
            return {"logits": self._module(torch.from_numpy(feeds["image"])).numpy()}
