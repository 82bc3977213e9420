"""What makes a program hostile: the code that it runs leaves a file, the canary, at a given place."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Members = dict[str, bytes]

PROGRAM = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
INPUTS = "data/sample_inputs/model.pt"


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))
        return y


class WithText(nn.Module):
    """Takes a text beside the image, and an image in a dictionary."""

    def forward(self, x: Tensor, mode: str, more: dict[str, Tensor]) -> Tensor:
        return x + more["image"]


def programs(folder: Path) -> dict[str, Path]:
    """Ordinary programs to tamper with; their first size is free."""
    x, free = torch.ones(2, 4), {0: torch.export.Dim.AUTO}
    made = {
        "plain": torch.export.export(Plain().eval(), (x,), dynamic_shapes=(free,)),
        "branches": torch.export.export(Branches(), (x,)),
        "with_text": torch.export.export(WithText(), (x, "fast", {"image": x})),
    }
    for name, program in made.items():
        torch.export.save(program, folder / f"{name}.pt2")
    return {name: folder / f"{name}.pt2" for name in made}


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {entry.filename.partition("/")[2]: archive.read(entry) for entry in archive.infolist()}


def write(path: Path, content: Members, folder: str = "archive/") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(folder + name, data)
    return path


def edit(content: Members, change: Callable[[Any], object], member: str = PROGRAM) -> None:
    """Let ``change`` alter the JSON of a member in place."""
    parsed = json.loads(content[member])
    change(parsed)
    content[member] = json.dumps(parsed).encode()


def rename(content: Members, old: str, new: str) -> None:
    """Rename something in a program and its weights, wherever the name occurs."""
    for member in (PROGRAM, WEIGHTS):
        content[member] = content[member].replace(json.dumps(old).encode(), json.dumps(new).encode())


def code(canary: Path) -> str:
    """An expression that creates the file ``canary``; it contains no quotes and no dots."""
    return f"exec(bytes([{','.join(str(byte) for byte in f'open({str(canary)!r}, chr(119))'.encode())}]))"


class Trap:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.canary)!r}, 'w')",)


def pickled(canary: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save(Trap(canary), buffer)
    return buffer.getvalue()


def planted_module(canary: Path) -> str:
    """The name of a module beside ``canary`` that creates it when imported."""
    name = f"planted_{canary.stem}"
    source = f"import enum\nopen({str(canary)!r}, 'w')\nclass Choice(enum.Enum):\n    one = 1\n"
    (canary.parent / f"{name}.py").write_text(source)
    return name
