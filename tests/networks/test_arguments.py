"""What is fed to a network, by the parameters of its ``forward`` or the inputs of a program."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError, UsageError
from ca_deploy.networks.arguments import arguments_of
from ca_deploy.records.input_wish import InputWish, input_wish

X, Y = InputWish("x"), InputWish("y", (3,))


class One(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x


class Two(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class Optional(nn.Module):
    def forward(self, x: Tensor, y: Tensor | None = None, *, z: float = 1.0) -> Tensor:
        return x if y is None else x * y * z


class ByKeyword(nn.Module):
    def forward(self, *, x: Tensor, y: Tensor) -> Tensor:
        return x + y


class AnyNumber(nn.Module):
    def forward(self, *images: Tensor, **more: Any) -> Tensor:
        return images[0]


def names(module: nn.Module, *wishes: InputWish) -> list[tuple[str, bool]]:
    return [(argument.name, argument.keyword) for argument in arguments_of(module, wishes)]


def wishes(module: nn.Module, *given: InputWish) -> dict[str, InputWish | None]:
    return {argument.name: argument.wish for argument in arguments_of(module, given)}


def test_the_only_one_is_an_image_unless_it_is_described_by_its_name() -> None:
    assert names(One()) == [("image", False)]
    assert names(One(), X) == [("x", False)]
    for wish in (InputWish(""), InputWish("image")):
        assert wishes(One(), wish) == {"image": wish}
    assert names(One(), InputWish("", (3,))) == [("x", False)]  # no image


def test_several_have_to_be_described() -> None:
    assert list(wishes(Two(), Y, X).items()) == [("x", X), ("y", Y)]
    said = r"The network takes 2 inputs, x, y\. Say what they are: --input x=… --input y=….*--calibration FILE\.npz"
    with pytest.raises(UsageError, match=said):
        arguments_of(Two(), ())
    with pytest.raises(UsageError, match=r"Say what they are: --input y=… with image"):
        arguments_of(Two(), (X,))


def test_an_optional_one_is_fed_where_it_is_described() -> None:
    assert names(Optional()) == [("image", False)]
    assert names(Optional(), X, Y) == [("x", False), ("y", True)]


def test_those_after_a_star_are_passed_by_name() -> None:
    assert names(ByKeyword(), X, Y) == [("x", True), ("y", True)]


def test_any_number_are_as_many_as_are_described() -> None:
    assert names(AnyNumber()) == [("image", False)]
    assert names(AnyNumber(), X, Y) == [("x", False), ("y", False)]


def test_a_name_that_forward_does_not_have_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match=r"input of the network.*'statr'.*Did you mean 'state'"):

        class State(nn.Module):
            def forward(self, image: Tensor, state: Tensor) -> Tensor:
                return state

        arguments_of(State(), (input_wish("statr=3"),))


def test_a_program_knows_shapes_types_and_what_goes_by_name() -> None:
    def of(module: nn.Module, arguments: Any, keywords: Any = None, **more: Any) -> list[object]:
        program = torch.export.export(module, arguments, keywords, **more)
        found = arguments_of(program.module(), (), program)
        return [(argument.name, argument.keyword, argument.shape, argument.dtype) for argument in found]

    batch = torch.export.Dim("batch")
    found = of(Two(), (torch.ones(2, 3), torch.ones(2, 3)), dynamic_shapes=({0: batch}, {0: batch}))
    assert found == [("x", False, (-1, 3), "float32"), ("y", False, (-1, 3), "float32")]
    found = of(ByKeyword(), (), {"x": torch.ones(1, 2, dtype=torch.int64), "y": torch.ones(1, 2, dtype=torch.int64)})
    assert found == [("x", True, (1, 2), "int64"), ("y", True, (1, 2), "int64")]
    assert of(One(), (torch.ones(1, 3, 8, 8),)) == [("image", False, (1, 3, 8, 8), "float32")]


def test_a_program_of_lists_is_refused() -> None:
    class Listed(nn.Module):
        def forward(self, many: list[Tensor]) -> Tensor:
            return many[0] + many[1]

    program = torch.export.export(Listed(), ([torch.ones(1), torch.ones(1)],))
    with pytest.raises(ModelError, match=r"The program takes many_0, many_1, of which some.*Export it again"):
        arguments_of(program.module(), (), program)
