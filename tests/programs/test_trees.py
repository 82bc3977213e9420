"""Containers of inputs and outputs: plain ones pass, those that make PyTorch import something do not."""

import json

import pytest
import torch
from torch.utils import _pytree

from ca_deploy.programs.trees import is_tree


@pytest.mark.parametrize("value", [1, (1, [2]), {"a b": 1, 2: (3,)}, torch.Size([1]), ((1,), {"x": 1})])
def test_plain_containers_pass(value: object) -> None:
    assert is_tree(_pytree.treespec_dumps(_pytree.tree_structure(value)))


def _tree(kind: str, context: object, **more: object) -> str:
    return json.dumps([1, {"type": kind, "context": context, "children_spec": [], **more}])


@pytest.mark.parametrize(
    "text",
    [
        _tree("builtins.dict", json.dumps([{"__enum__": True, "fqn": "os:x", "name": "a"}])),
        _tree("builtins.tuple", json.dumps({"__enum__": True, "fqn": "os:x", "name": "a"})),
        _tree("collections.defaultdict", {"default_factory_module": "os"}),
        _tree("collections.namedtuple", "os.stat_result"),
        _tree("builtins.dict", json.dumps(["a=1"])),
        _tree("builtins.list", "null", children_spec=[json.loads(_tree("os.system", "null"))[1]]),
        _tree("builtins.list", "[" * 100_000),
        "[" * 100_000,
        "",
        "1",
        "[2, {}]",
        "[1, {}]",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    assert not is_tree(text)
