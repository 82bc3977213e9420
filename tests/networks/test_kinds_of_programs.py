"""Programs of every kind either load, named as what they are, or are refused with a remedy that helps."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from ca_deploy import ModelSource
from ca_deploy.errors import CaDeployError
from ca_deploy.networks.source import Network, load
from ca_deploy.records.input_wish import input_wish

IMAGE = torch.randn(1, 3, 32, 32)


class Calls(nn.Module):
    """``function`` of a 3x3 convolution and the arguments."""

    def __init__(self, function: Callable[..., Any], channels: int = 3) -> None:
        super().__init__()
        self.conv, self.function = nn.Conv2d(channels, 4, 3), function

    def forward(self, x: Any) -> Any:
        return self.function(self.conv, x)


class CallsTwo(Calls):
    def forward(self, x: Any, y: Any) -> Any:  # type: ignore[override]
        return self.function(self.conv, x, y)


@dataclass(frozen=True, slots=True)
class Kind:
    """A program: what it computes, what it was traced with, and which sides stay open; with options of the user."""

    function: Callable[..., Any]
    example: tuple[Any, ...] = (IMAGE,)
    open: Any = None
    dtype: torch.dtype = torch.float32
    channels: int = 3
    options: dict[str, Any] = field(default_factory=dict)

    def load(self, folder: Path) -> Network:
        made = CallsTwo if len(self.example) == 2 else Calls
        network = made(self.function, self.channels).eval().to(self.dtype)
        program = torch.export.export(network, self.example, dynamic_shapes=self.open)
        torch.export.save(program, folder / "net.pt2")
        return load(ModelSource(str(folder / "net.pt2"), **self.options))


def pooled(conv: nn.Module, x: Tensor) -> Any:
    return conv(x).mean((2, 3))


def doubled(conv: nn.Module, x: Tensor) -> Any:
    return x * 2


def plus(conv: nn.Module, x: Tensor, y: Tensor) -> Any:
    return pooled(conv, x) + y


LOADED = {
    "image": (Kind(pooled), "an image of 32x32 px"),
    "batch": (Kind(pooled, (torch.randn(2, 3, 32, 32),), ({0: Dim("n")},)), "an image of 32x32 px"),
    "sides": (Kind(pooled, open=({2: Dim("h", min=8), 3: Dim("w", min=8)},)), "an image of 224x224 px"),
    "height": (Kind(pooled, open=({2: Dim("h", min=8)},)), "an image of 224x32 px"),
    "seven": (Kind(pooled, (torch.randn(1, 7, 32, 32),), channels=7), "x (a tensor of float32 (1, 7, 32, 32))"),
    "uint8": (
        Kind(lambda conv, x: pooled(conv, x / 255.0), (torch.zeros(1, 3, 32, 32, dtype=torch.uint8),)),
        "x (a tensor of uint8 (1, 3, 32, 32))",
    ),
    "vector": (Kind(doubled, (torch.randn(1, 10),)), "x (a tensor of float32 (1, 10))"),
    "rank 5": (Kind(doubled, (torch.randn(1, 3, 4, 5, 6),)), "x (a tensor of float32 (1, 3, 4, 5, 6))"),
    "two": (Kind(plus, (IMAGE, torch.randn(1, 4))), "y (a tensor of float32 (1, 4))"),
    "wished": (
        Kind(doubled, open=({1: Dim("c", min=2)},), options={"inputs": (input_wish("x=5x32x32"),)}),
        "x (a tensor of float32 (1, 5, 32, 32))",
    ),
    "bool and int": (Kind(lambda conv, x: (x > 0, x.argmax(1))), "an image of 32x32 px"),
    "nested": (Kind(lambda conv, x: {"a": [{"b": ({"c": [x * 2]},)}], "e": (((x + 1,),),)}), "an image of 32x32 px"),
    "none": (Kind(lambda conv, x: (x * 2, None)), "an image of 32x32 px"),
}

REFUSED = {
    "half": (Kind(pooled, (IMAGE.half(),), dtype=torch.float16), r"in float16 \(input x, .*network\.float\(\)"),
    "bfloat16": (Kind(pooled, (IMAGE.bfloat16(),), dtype=torch.bfloat16), r"in bfloat16.*network\.float\(\)"),
    "double": (Kind(pooled, (IMAGE.double(),), dtype=torch.float64), r"in float64.*network\.float\(\)"),
    "half inside": (
        Kind(lambda conv, x: pooled(conv, x.half()).float(), dtype=torch.float16),
        r"in float16 \(the weights conv\.weight.*network\.float\(\)",
    ),
    "batch of 4": (Kind(pooled, (torch.randn(4, 3, 32, 32),)), r"fixed to 4 samples.*a batch of one, or a dynamic one"),
    "no batch": (Kind(doubled, (torch.randn(3, 32, 32),)), r"x \(3, 32, 32\) is fixed to 3 samples.*first side is the"),
    "free channels": (
        Kind(doubled, open=({1: Dim("c", min=2)},)),
        r"free sides.*--input x=Nx32x32, with numbers",
    ),
    "other size": (Kind(pooled, options={"input_size": 64}), r"exported for 32 px.*Export the program again"),
    "other width": (
        Kind(pooled, open=({2: Dim("h", min=8)},), options={"input_size": 64}),
        r"exported for any x 32 px.*--input-size 64 is not possible",
    ),
    "small sides": (
        Kind(pooled, open=({2: Dim("h", min=8, max=100), 3: Dim("w", min=8, max=100)},)),
        r"x\.size\(\)\[2\] <= 100.*It takes --input-size 96x96\.$",
    ),
    "dictionary": (Kind(lambda conv, x: conv(x["a"]), ({"a": IMAGE},)), r"lie in lists or dictionaries.*tensors as"),
    "list": (Kind(lambda conv, x: conv(x[0]) + x[1], ([IMAGE, torch.ones(1)],)), r"lie in lists or dictionaries"),
    "number": (Kind(plus, (IMAGE, torch.tensor(2.0))), r"input y is one number without a batch.*the shape \(1,\)"),
    "constant": (Kind(plus, (IMAGE, 3)), r"takes x, 3, of which some are no tensors.*tensors as the arguments"),
    "complex input": (
        Kind(lambda conv, x: x.real, (IMAGE.to(torch.complex64),)),
        r"input x is complex64.*torch\.view_as_real",
    ),
    "complex": (Kind(lambda conv, x: torch.fft.rfft2(x)), r"returns complex numbers, .*view_as_real"),
    "bfloat16 output": (Kind(lambda conv, x: {"y": x.bfloat16()}), r"bfloat16 numbers at \['y'\].*\.float\(\)"),
    "word": (Kind(lambda conv, x: (x * 2, "cat")), r"returns something else than tensors .*cat.*Leave it out"),
    "integer": (Kind(lambda conv, x: {"y": x * 2, "k": 3}), r"has a int at \['k'\].*leave it out"),
    "nothing": (Kind(lambda conv, x: None), r"returns no tensor"),
    "size for a vector": (
        Kind(doubled, (torch.randn(1, 10),), options={"input_size": 32, "channels": "grey"}),
        r"^--input-size, --channels: the network takes a tensor of float32 \(1, 10\), and no image\. Drop",
    ),
}


@pytest.mark.parametrize("name", LOADED)
def test_it_loads_as_what_it_is(name: str, tmp_path: Path) -> None:
    kind, said = LOADED[name]
    network = kind.load(tmp_path)
    assert said in network.signature.inputs_text
    given = network.module(*network.examples())
    shapes = [tuple(value.shape) for value in (given if isinstance(given, tuple) else (given,))]
    assert shapes == [output.shape for output in network.signature.outputs]


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_a_remedy(name: str, tmp_path: Path) -> None:
    kind, said = REFUSED[name]
    with pytest.raises(CaDeployError) as error:
        kind.load(tmp_path)
    assert re.search(said, str(error.value)), str(error.value)
    assert "--input-size" not in str(error.value) or "size" in name or "width" in name or "sides" in name


FIRST_LAYERS = [
    (nn.Conv1d(40, 4, 3), "--input input=40xLENGTH", "input=40x16"),
    (nn.Conv2d(7, 4, 3), "--input input=7xHEIGHTxWIDTH", "input=7x16x16"),
    (nn.Conv3d(3, 4, 3), "--input input=3xDEPTHxHEIGHTxWIDTH", "input=3x8x8x8"),
    (nn.Embedding(13, 4), "--input input=LENGTH:int64", "input=5:int64"),
    (nn.Linear(13, 4), "--input input=13", "input=13"),
]


@pytest.mark.parametrize(("layer", "advice", "wish"), FIRST_LAYERS, ids=lambda value: str(value))
def test_a_first_layer_that_takes_no_photo_says_what_it_takes(layer: nn.Module, advice: str, wish: str) -> None:
    from ca_deploy.networks.source import source_of_object

    network = nn.Sequential(layer)
    with pytest.raises(CaDeployError) as error:
        load(source_of_object(network, ModelSource()), network)
    assert str(error.value).endswith(f"Describe the input: {advice}.")
    load(source_of_object(network, ModelSource(inputs=(input_wish(wish),))), network)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda conv, x: conv(x["image"]), r"reads something else than tensors.*a module whose forward takes tensors"),
        (lambda conv, x: conv(x.half()), r"converts values to another type: let it convert them to the type of"),
        (lambda conv, x: conv(x)[conv(x) > 0], r"returns \(\d+,\) for one input, and \(\d+,\) for another.*topk"),
        (lambda conv, x: conv(x[:, :1]), r"'conv' \(Conv2d\) on \(1, 1, 224, 224\)\. Describe its inputs"),
    ],
)
def test_a_forward_that_no_option_mends_gets_no_option(function: Callable[..., Any], said: str) -> None:
    from ca_deploy.networks.source import source_of_object

    network = Calls(function)
    with pytest.raises(CaDeployError) as error:
        load(source_of_object(network, ModelSource()), network)
    assert re.search(said, str(error.value)), str(error.value)
    assert "--input-size" not in str(error.value)
