"""What a network returns, in whatever containers, as a tuple of named tensors."""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError
from ca_deploy.networks.flat import Flat, Named, named_tensors
from ca_deploy.records.module_path import WRAPPED, within_network

A, B, C = (torch.full((1, 2), float(number)) for number in range(3))


class Found(NamedTuple):
    boxes: Tensor
    scores: Tensor


@dataclass
class Output:
    logits: Tensor
    maps: tuple[Tensor, ...]
    loss: Tensor | None = None


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (A, [""]),
        ((A,), ["output_0"]),
        ((A, B), ["output_0", "output_1"]),
        ([A, B], ["output_0", "output_1"]),
        ({"out": A, "aux": B}, ["out", "aux"]),
        (OrderedDict(out=A), ["out"]),
        ({"maps": [A, B], "logits": C}, ["maps_0", "maps_1", "logits"]),
        ((A, [B, {"c": C}]), ["output_0", "output_1_0", "output_1_1_c"]),
        (Found(A, B), ["boxes", "scores"]),
        (Output(A, (B, C)), ["logits", "maps_0", "maps_1"]),
        ({0: A, "a b/c": B}, ["output_0", "a_b_c"]),
        ({"a b": A, "a/b": B, "a_b_2": C}, ["a_b", "a_b_2", "a_b_2_2"]),
    ],
)
def test_names_are_the_paths(given: Any, names: list[str]) -> None:
    found, _ = named_tensors(given, "net")
    assert list(found) == names
    assert all(value is tensor for value, tensor in zip(found.values(), (A, B, C), strict=False))


def test_none_is_dropped_and_noted() -> None:
    found, notes = named_tensors({"out": A, "aux": (None, B)}, "net")
    assert list(found) == ["out", "aux_1"]
    assert notes == ("net returns None at ['aux'][0], which no file has as an output.",)
    assert named_tensors(Output(A, ()), "net")[1] == ("net returns None at ['loss'], which no file has as an output.",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"out": [A, "a word"]}, r"net has a str at \['out'\]\[1\] of what it returns\. A file's outputs are tensors"),
        ("a word", r"net has a str as its output"),
        ((A, 3), r"net has a int at \[1\] of what it returns"),
        ((None,), r"net returns no tensor \(tuple\), so there is nothing to export"),
        ({}, r"net returns no tensor \(dict\)"),
        ({"out": A.to_sparse()}, r"a sparse_coo tensor at \['out'\], .*\.to_dense\(\)"),
        ([A + 1j], r"complex numbers at \[0\], which no file has .*view_as_real"),
    ],
)
def test_anything_else_is_refused_with_its_path(given: Any, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        named_tensors(given, "net")


class Nested(nn.Module):
    """Takes one of its tensors by name."""

    def forward(self, x: Tensor, y: Tensor | None = None, z: Tensor | None = None) -> dict[str, Any]:
        assert z is not None
        return {"sum": x + z, "nothing": y, "both": [x, (z,)]}


def test_a_flat_network_takes_tensors_in_order_and_returns_a_tuple() -> None:
    flat = Flat(Nested(), [None, "z"])
    found = flat(A, B)
    assert isinstance(found, tuple)
    assert [value.tolist() for value in found] == [[[1, 1]], [[0, 0]], [[1, 1]]]
    assert flat.call(A, B)["nothing"] is None


def test_an_only_tensor_is_in_no_tuple() -> None:
    class Wrapped(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, None]:
            return x, None

    assert Flat(Wrapped(), [None])(A) is A


def test_a_named_network_takes_and_returns_by_name() -> None:
    named = Named(Flat(Nested(), [None, "z"]), ["image", "state"], ["sum", "both_0", "both_1_0"])
    found = named(state=B, image=A)
    assert {name: value.tolist() for name, value in found.items()} == {
        "sum": [[1, 1]],
        "both_0": [[0, 0]],
        "both_1_0": [[1, 1]],
    }
    assert list(Named(nn.Identity(), ["image"], ["out"])(image=A)) == ["out"]


def test_paths_begin_in_the_network_itself() -> None:
    assert within_network(f"{WRAPPED}.{WRAPPED}.stem.0") == "stem.0"
    assert within_network("network.stem.0") == "network.stem.0"
    assert within_network(WRAPPED) == ""
