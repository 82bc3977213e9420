"""What a format cannot have is said before conversion; what is returned twice works in every format."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.errors import ModelError
from ca_deploy.networks.source import load
from ca_deploy.pipeline.request import refuse_unfit, requested
from ca_deploy.records.input_wish import input_wish

pytestmark = pytest.mark.usefixtures("warm_converters")


class Calls(nn.Module):
    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function, self.conv = function, nn.Conv2d(3, 4, 3)
        self.register_buffer("grid", torch.arange(6.0))

    def forward(self, x: Tensor) -> Any:
        return self.function(self, x)


def refusal(function: Callable[..., Any], format: str, tmp_path: Path, wish: str = "", **options: Any) -> str:
    """What is said of a network and a format; "" where nothing is known against it."""
    network = Calls(function)
    source = ModelSource(inputs=(input_wish(wish),)) if wish else ModelSource(input_size=16)
    recipe = options.pop("recipe", f"{format}_float32")
    request = requested(source, [recipe], tmp_path / "out", module=network, **options)
    try:
        refuse_unfit(request, load(request.source, network))
    except ModelError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("function", "wish", "format", "said"),
    [
        (lambda net, x: x.double(), "", "tflite", "its output 'output' is float64. Make it float32 in the network"),
        (lambda net, x: x * 2, "x=10:float64", "tflite", "its input 'x' is float64. Make it float32"),
        (lambda net, x: x / 2, "x=10:uint8", "coreml", "its input 'x' is uint8. Make it int32 in the network"),
        (
            lambda net, x: x.reshape(1, 3, 2, 8, 2, 8) * 2,
            "",
            "coreml",
            "(1, 3, 2, 8, 2, 8), has 6 dimensions, and 5 are",
        ),
        (
            lambda net, x: (x, net.grid * 2),
            "",
            "tflite",
            "its output 'output_1' does not depend on its inputs. Leave it",
        ),
    ],
)
def test_what_a_format_cannot_have_is_said_before_conversion(
    function: Callable[..., Any], wish: str, format: str, said: str, tmp_path: Path
) -> None:
    found = refusal(function, format, tmp_path, wish)
    assert found.startswith(f"Calls cannot become {format}: ")
    assert said in found
    assert found.endswith(f", or drop --format {format}.")
    assert not refusal(function, "onnx", tmp_path, wish)


def test_an_output_that_happens_to_be_the_same_is_no_constant(tmp_path: Path) -> None:
    assert not refusal(lambda net, x: (x * 2, (x > 1e6).float()), "tflite", tmp_path)


def test_a_picture_is_taken_one_at_a_time(tmp_path: Path) -> None:
    recipe = "coreml_static_wi8_ai8_uint8rgb_io"
    assert "Drop --batch 3, or" in refusal(lambda net, x: net.conv(x), "coreml", tmp_path, recipe=recipe, batch=3)
    assert not refusal(lambda net, x: net.conv(x), "coreml", tmp_path, recipe=recipe)


@pytest.mark.parametrize("options", [{"batch": 3}, {"dynamic_batch": True}])
def test_several_samples_at_once_need_a_network_that_answers_each_alone(
    options: dict[str, Any], tmp_path: Path
) -> None:
    def refused(function: Callable[..., Any]) -> str:
        return refusal(function, "onnx", tmp_path, **options)

    assert "output 'output' of Calls for one sample depends on the others" in refused(lambda net, x: x - x.mean(0))
    assert "cannot take" in refused(lambda net, x: net.conv(x).view(1, 4, 14, 14))
    assert "drop --dynamic-batch and --batch" in refused(lambda net, x: net.conv(x).view(1, 4, 14, 14))
    assert not refused(lambda net, x: (net.conv(x), net.grid, x.argmax(1)))


class Again(nn.Module):
    """A map and a vector twice each, the probabilities behind it, and the image itself."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 5)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = self.conv(x)
        logits = self.head(y.mean((2, 3)))
        return y, y, logits, logits, logits.softmax(1), x


def test_what_is_returned_twice_is_two_outputs_in_every_format(tmp_path: Path) -> None:
    torch.manual_seed(0)
    source = ModelSource(input_size=16, task="tensors")
    recipes = ["onnx_float32", "tflite_float32", "tflite_static_wi8_ai8", "coreml_float32"]
    exports = ca_deploy.export(Again(), source=source, recipes=recipes, calibration="random", output=tmp_path)
    for export in exports:
        assert [output.name for output in export.manifest.outputs] == [f"output_{number}" for number in range(6)]
        assert export.passed, export.manifest.parity.reason
