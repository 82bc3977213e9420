"""Ordinary programs load and give the same answers; what is damaged, of another kind or malformed is explained."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

from ca_deploy import programs
from ca_deploy.errors import ProgramError
from tests.programs import hostile
from tests.zoo.tiny import tiny_trained


class Odd(nn.Module):
    """Weights, buffers and names of every kind that an ordinary network has."""

    mean: Tensor
    table: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.full((3, 1, 1), 0.5))
        self.register_buffer("table", torch.arange(3.0), persistent=False)
        self.large = torch.ones(500, 1000)
        self.parts = nn.ModuleDict({"conv-1": nn.Conv2d(3, 3, 1), "ä b": nn.Conv2d(3, 3, 1)})
        self.first, self.second = nn.Linear(3, 3), nn.Linear(3, 3)
        self.second.weight = self.first.weight
        self.slice = nn.Parameter(torch.ones(8, 4)[:, :3].t())

    def forward(self, input: Tensor) -> dict[str, Any]:
        y = input - self.mean
        for part in self.parts.values():
            y = part(y)
        y = self.second(self.first(y.mean((2, 3)) + self.table)) + self.large[:1, :3]
        masked = y.masked_fill(y > 0, -torch.inf) @ self.slice
        return {"logits": y, "other thing": [masked, (y + torch.tensor([1.0, 2.0, 3.0]),)], "none": None}


class Sizes(nn.Module):
    """Computes with the sizes of its input."""

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        height, width = x.shape[2:]
        if height % 4 == 0 and height > 8:
            x = x * 2
        halved = nn.functional.interpolate(x, size=(height // 2 * 3, (width + 1) // 2))
        return x[..., : max(width // 2, 3)], halved, torch.zeros(min(height, 100) + 1), torch.ones(int(height**0.5))


class Switches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = x * 2
        with torch.autocast("cpu", dtype=torch.bfloat16):
            y = y @ y.transpose(2, 3)
        sums: Tensor = torch.vmap(lambda one: one.sum())(y.float())
        return sums


def _decomposed(x: Tensor) -> Any:
    return export(tiny_trained().eval(), (x,)).run_decompositions()


def _counted(x: Tensor) -> Any:
    class Counted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            count = cast(torch.SymInt, (x > 0).sum().item())  # what export makes of it
            torch._check(count >= 2)
            return torch.ones(count)

    return export(Counted(), (x,))


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hostile.programs(tmp_path_factory.mktemp("bases"))["plain"]


IMAGE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
BATCH, HEIGHT, WIDTH = Dim("batch", min=1, max=64), Dim("_h", min=1, max=16), Dim("_w", min=1, max=16)
SIDE = Dim("side", min=16, max=512)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: export(tiny_trained().eval(), (x,)),
        lambda x: export(tiny_trained().eval(), (x,), dynamic_shapes=({0: BATCH},)),
        lambda x: export(tiny_trained().eval(), (x,), dynamic_shapes=({0: Dim.AUTO, 2: Dim.AUTO, 3: Dim.AUTO},)),
        lambda x: export(
            tiny_trained().eval(), (x.repeat(1, 1, 3, 2),), dynamic_shapes=({2: 32 * HEIGHT, 3: 32 * WIDTH},)
        ),
        lambda x: export(tiny_trained().eval(), (x,), dynamic_shapes=({2: SIDE, 3: SIDE},), strict=True),
        lambda x: export(tiny_trained().half().eval(), (x.half(),)),
        lambda x: export(tiny_trained().train(), (x,)),
        _decomposed,
        lambda x: export(Odd().eval(), (x,)),
        lambda x: export(Sizes(), (x,), dynamic_shapes=({2: Dim.AUTO, 3: Dim.AUTO},)),
        lambda x: export(Switches(), (x,)),
        lambda x: export(hostile.Branches(), (x,)),
        lambda x: export(hostile.WithText(), (x, "a fast one"), {"more": {"image": x}}),
        _counted,
    ],
    ids=[
        *("static", "batch", "height and width", "multiples of 32", "square", "half", "training", "decomposed"),
        *("odd weights", "arithmetic on sizes", "autocast, no_grad, vmap", "cond", "keywords", "data-dependent"),
    ],
)
def test_an_ordinary_program_gives_the_same_answers(make: Callable[[Tensor], Any], tmp_path: Path) -> None:
    program, path = make(IMAGE), tmp_path / "ordinary.pt2"
    torch.export.save(program, path, extra_files={"notes.txt": "ours"})
    loaded = programs.load(path)
    torch.testing.assert_close(loaded.state_dict, program.state_dict)
    args, kwargs = program.example_inputs
    torch.testing.assert_close(loaded.module()(*args, **kwargs), program.module()(*args, **kwargs))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"<html>404 not found</html>", "it is not a ZIP archive"),
        (b"PK\x03\x04 and no more", "its ZIP archive is truncated or damaged"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "Git LFS pointer.*git lfs pull"),
    ],
)
def test_what_is_not_a_program_is_explained(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "other.pt2"
    path.write_bytes(content)
    with pytest.raises(ProgramError, match=said):
        programs.load(path)


def test_a_checkpoint_and_a_folder_are_named_as_such(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(3)}, tmp_path / "weights.pt2")
    with pytest.raises(ProgramError, match="a checkpoint or TorchScript, not a program"):
        programs.load(tmp_path / "weights.pt2")
    with pytest.raises(ProgramError, match="is a folder"):
        programs.load(tmp_path)


def _nested(content: hostile.Members) -> None:
    content[hostile.PROGRAM] = b'{"graph_module": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def _many_digits(content: hostile.Members) -> None:
    content[hostile.PROGRAM] = b'{"graph_module": ' + b"1" * 5000 + b"}"


def _size(side: str) -> Callable[[hostile.Members], None]:
    def tamper(content: hostile.Members) -> None:
        text = content[hostile.WEIGHTS].decode().replace('{"as_int": 4}', f'{{"as_int": {side}}}', 1)
        content[hostile.WEIGHTS] = text.encode()

    return tamper


def _without_values(content: hostile.Members) -> None:
    record = json.loads(content[hostile.WEIGHTS])["config"]["layer.weight"]["path_name"]
    content[f"data/weights/{record}"] = b""


def _nested_note(content: hostile.Members) -> None:
    hostile.edit(
        content,
        lambda p: p["graph_module"]["graph"]["nodes"][0]["metadata"].update(from_node="[" * 100_000 + "]" * 100_000),
    )


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_nested, "nested too deeply"),
        (_nested_note, r"cannot be read as a torch\.export program"),
        (_many_digits, "a number that cannot be one"),
        (_size("NaN"), r"TensorMeta\.sizes\.as_int is nan"),
        (_size('"4"'), r"TensorMeta\.sizes\.as_int is '4'"),
        (_size("4" * 4000), r"cannot be read as a torch\.export program"),
        (_size("-4"), r"cannot be read as a torch\.export program"),
        (_without_values, r"'layer\.weight' in .* has no values"),
        (lambda m: m.update({hostile.PROGRAM: b"\xff"}), "text that is not UTF-8"),
        (lambda m: m.update({hostile.PROGRAM: b"[]"}), r"ExportedProgram is \[\]"),
        (lambda m: m.update({hostile.PROGRAM: b"{}"}), r"cannot be read as a torch\.export program"),
        (lambda m: m.update({hostile.INPUTS: b"junk"}), "not plain tensors"),
        (lambda m: m.update(archive_version=b"7"), "archive version 7 does not match"),
        (lambda m: m.pop(hostile.WEIGHTS), "it has no member data/weights/model_weights_config.json"),
    ],
)
def test_a_program_that_lies_about_its_form_is_explained(
    tamper: Callable[[hostile.Members], object], said: str, plain: Path, tmp_path: Path
) -> None:
    content = hostile.members(plain)
    tamper(content)
    with pytest.raises(ProgramError, match=said):
        programs.load(hostile.write(tmp_path / "lying.pt2", content))
