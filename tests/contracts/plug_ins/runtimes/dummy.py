"""Runs dummies."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from ca_deploy.records.tensors import TensorSpec
from ca_deploy.runtimes import Runtime


class DummySession:
    runtime = "Dummy 1.0"
    settings: Mapping[str, str] = {"dummy.setting": "1"}
    inputs = (TensorSpec("image", (1, 3, 32, 32), "float32", "NCHW"),)
    outputs = (TensorSpec("logits", (1, 5), "float32", "NC"),)

    def __init__(self, path: Path) -> None:
        self._module = torch.export.load(path).module()

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        with torch.inference_mode():
            return {"logits": self._module(torch.from_numpy(feeds["image"])).numpy()}


def open_file(path: Path, threads: int, variant: str) -> DummySession:
    return DummySession(path)


RUNTIME = Runtime("dummy", (".dummy",), "torch", f"{__name__}:open_file")
