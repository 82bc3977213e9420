"""A network is run once before anything slow starts: its outputs get names, or the failing layer is named."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError
from ca_deploy.networks.arguments import arguments_of
from ca_deploy.networks.prove import Proven, examples, prove
from ca_deploy.records.input_wish import InputWish
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.signature import NetworkInput, NetworkOutput
from tests.samples import image_input


class Returning(nn.Module):
    """Returns what a function makes of its input."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


class Strided(nn.Module):
    """Joins a map with its half, as U-Nets do: the sides have to be even."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.up = nn.MaxPool2d(2), nn.Upsample(scale_factor=2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.up(self.down(x))], 1)


def proven(network: nn.Module, side: int = 16, preprocessing: Preprocessing | None = None) -> Proven:
    taken = image_input(preprocessing or Preprocessing(side, side))
    return prove("net", network.eval(), arguments_of(network, ()), (taken,))


def test_a_network_of_one_tensor_is_left_as_it_is() -> None:
    network = nn.Conv2d(3, 4, 1)
    found = proven(network)
    assert found.module is network
    assert found.signature.outputs == (NetworkOutput("", (1, 4, 16, 16)),)
    assert found.notes == ()


@pytest.mark.parametrize(
    ("function", "names"),
    [
        (lambda x: (x, x.argmax(1)), ["output_0", "output_1"]),
        (lambda x: {"out": x, "aux": [x.argmax(1), None]}, ["out", "aux_0"]),
    ],
)
def test_outputs_in_containers_get_names_types_and_shapes(function: Any, names: list[str]) -> None:
    found = proven(Returning(function))
    assert found.signature.outputs == (
        NetworkOutput(names[0], (1, 3, 16, 16)),
        NetworkOutput(names[1], (1, 16, 16), "int64"),
    )
    given = found.module(torch.zeros(1, 3, 16, 16))
    assert isinstance(given, tuple)
    assert len(given) == 2
    assert bool(found.notes) == (names[0] == "out")


def test_a_word_among_the_outputs_is_refused_with_its_path() -> None:
    with pytest.raises(ModelError, match=r"net has a str at \['kind'\] of what it returns"):
        proven(Returning(lambda x: {"out": x, "kind": "cat"}))


def test_the_last_operation_is_noted() -> None:
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Softmax(1))
    (output,) = proven(network).signature.outputs
    assert output.activation == "softmax"


def test_several_inputs_are_fed_in_order_and_by_name() -> None:
    class Two(nn.Module):
        def forward(self, image: Tensor, *, index: Tensor) -> Tensor:
            return image.flatten(1)[:, index[0]]

    inputs = (image_input(Preprocessing(4, 4)), NetworkInput("index", (1, 5), "int64"))
    wishes = (InputWish("image"), InputWish("index", (5,), "int64"))
    found = prove("net", Two(), arguments_of(Two(), wishes), inputs)
    assert [output.shape for output in found.signature.outputs] == [(1, 5)]
    assert found.module(*examples(inputs)).shape == (1, 5)


def test_noise_is_always_the_same_and_integers_are_small() -> None:
    inputs = (NetworkInput("x", (1, 2, 3)), NetworkInput("y", (1, 50), "int32"))
    (x, y), (again, _) = examples(inputs, batch=4), examples(inputs, batch=4)
    assert torch.equal(x, again)
    assert (x.shape, y.shape, y.dtype, set(y.unique().tolist())) == ((4, 2, 3), (4, 50), torch.int32, {0, 1})


def test_the_layer_that_fails_is_named() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.ReLU(), nn.Conv2d(5, 6, 1)))
    said = r"net cannot take an image of 16x16 px.*The first layer that fails is '1\.1' \(Conv2d\) on \(1, 4, 16, 16\)"
    with pytest.raises(ModelError, match=said):
        proven(network)


def test_a_size_is_suggested_only_if_it_works() -> None:
    with pytest.raises(ModelError, match=r"It takes --input-size 64x64\.$"):
        proven(Strided(), 33)
    fixed = nn.Sequential(nn.Flatten(), nn.Linear(3 * 40 * 40, 2))
    with pytest.raises(ModelError, match=r"Pass the size that it was trained at with --input-size\.$") as error:
        proven(fixed, 33)
    assert "It takes" not in str(error.value)
    with pytest.raises(ModelError, match=r"The first layer that fails is '1' \(Linear\) on \(1, 3267\)"):
        proven(fixed, 33)
    with pytest.raises(ModelError, match=r"It takes --input-size 32x32\.$"):
        proven(nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 2)), 33)


@pytest.mark.parametrize(("depth", "flag"), [(1, "grey"), (4, "RGBA")])
def test_channels_that_the_first_layer_takes_are_suggested(depth: int, flag: str) -> None:
    network = nn.Sequential(nn.Conv2d(depth, 4, 1), nn.ReLU())
    with pytest.raises(ModelError, match=rf"first layer '0'.* takes {depth} channels?\. Pass --channels {flag}\.$"):
        proven(network)
    grey = Preprocessing(16, 16, (0.5,), (0.5,), channels="grey")
    with pytest.raises(ModelError, match=r"first layer '0'.* takes 3 channels\. Pass --channels RGB\.$"):
        proven(nn.Sequential(nn.Conv2d(3, 4, 1)), preprocessing=grey)


def test_a_network_of_vectors_is_told_to_describe_its_input() -> None:
    with pytest.raises(ModelError, match=r"'0' \(Linear\).*[Dd]escribe .*--input"):
        proven(nn.Sequential(nn.Linear(10, 5), nn.ReLU()))
    vectors, wish = nn.Sequential(nn.Linear(10, 5)), InputWish("input", (10,))
    found = prove("net", vectors, arguments_of(vectors, (wish,)), (NetworkInput("input", (1, 10)),))
    assert found.signature.outputs == (NetworkOutput("", (1, 5)),)


def test_nan_names_the_output_and_the_first_module() -> None:
    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.good, self.bad = nn.Conv2d(3, 1, 1), nn.Conv2d(3, 1, 1)
            nn.init.constant_(self.bad.weight, float("nan"))

        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"good": self.good(x), "bad": self.bad(x)}

    with pytest.raises(ModelError, match=r"NaN or infinity in its output 'bad'.*first module to do so is 'bad'"):
        proven(Broken())


def test_nothing_is_left_on_the_network() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1))
    proven(network)
    with pytest.raises(ModelError):
        proven(nn.Sequential(network, nn.Conv2d(9, 1, 1)))
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
