"""Dummies hold one operator."""

from pathlib import Path

from ca_deploy.graphs import Graph, Node, Tensor
from ca_deploy.graphs.readers import Reader


def parse(path: Path) -> Graph:
    tensors = (Tensor("image", (1, 3, 32, 32), "float32"), Tensor("logits", (1, 5), "float32"))
    return Graph("dummy", 1, (Node(0, "all", "block", "Everything", (0,), (1,)),), tensors, (0,), (1,))


READER = Reader(suffix=".dummy", parser=f"{__name__}:parse")
