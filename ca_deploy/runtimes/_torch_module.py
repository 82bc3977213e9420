"""PyTorch itself: the reference that every exported file is compared with."""

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray

from ca_deploy.networks.source import Network
from ca_deploy.records.tensors import TensorSpec, output_layout


class TorchSession:
    """A network in eager mode, batch 1 like most exported files."""

    def __init__(self, network: Network) -> None:
        self.runtime = f"PyTorch {torch.__version__}"
        self.settings: Mapping[str, str] = {}
        self._module = network.module
        signature = network.signature
        self.inputs = tuple(
            TensorSpec(taken.name, taken.shape, taken.dtype, "NCHW" if taken.preprocessing else "other")
            for taken in signature.inputs
        )
        self.outputs = tuple(
            TensorSpec(given.name, given.shape, given.dtype, output_layout(len(given.shape)))
            for given in signature.outputs
        )

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        with torch.inference_mode():
            given = self._module(*(torch.from_numpy(feeds[spec.name]) for spec in self.inputs))
        values = given if isinstance(given, tuple) else (given,)
        return {spec.name: value.numpy() for spec, value in zip(self.outputs, values, strict=True)}
