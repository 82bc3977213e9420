"""Files that are not read as weights: what they hold, and the three lines of Python that save the weights in them.

For someone who trusts the file: those lines run its code. Nothing here does: the pickle is replayed with a stub for
every class and function that it names, to see where in it a network or weights are.
"""

import io
import pickle
import shlex
import zipfile
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ca_deploy.errors import CheckpointError
from ca_deploy.networks.candidates import EMA_ENTRIES

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C  # torch.save before PyTorch 1.6 (torch/serialization.py)
_FROM_TORCH_SAVE = "torch.load({file!r}, map_location='cpu', weights_only=False)"
_FROM_TORCHSCRIPT = "torch.jit.load({file!r}, map_location='cpu')"


class _Stub:
    """Stands for an object of any class, and keeps the state that its pickle sets."""

    kind = ""
    state: object = None

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        pass

    def append(self, value: object) -> None:
        pass


# The unpickler in Python: the memory that C's takes grows with the numbers in a file, not only with its size.
class _Replay(pickle._Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        kind = f"{module}.{name}"
        return OrderedDict if kind == "collections.OrderedDict" else type("Stub", (_Stub,), {"kind": kind})

    def persistent_load(self, pid: object) -> object:
        """A module's class, which was pickled with its source before PyTorch 1.6; None for the numbers of a tensor."""
        return pid[1] if isinstance(pid, tuple) and len(pid) > 1 and pid[0] == "module" else None


@dataclass(frozen=True, slots=True)
class _Holding:
    """Weights in a file, in the entries ``keys``: those of a network of the class ``kind``, or a dictionary of them."""

    keys: tuple[object, ...]
    kind: str | None
    tensors: int


def refused_archive(path: Path) -> CheckpointError | None:
    """The error for a TorchScript archive or a ``torch.export`` program; None for anything else."""
    members = _members(path)
    if any(name.endswith("/constants.pkl") for name in members):
        return CheckpointError(
            f"Checkpoint {path} is a TorchScript archive, a compiled program with its weights inside. Save them alone "
            "once:",
            *_lines(path, _FROM_TORCHSCRIPT, ".state_dict()"),
        )
    if any(name.rpartition("/")[2] == "archive_format" for name in members):
        return CheckpointError(
            f"Checkpoint {path} is a torch.export program with its weights inside. Pass it as the model, under a name "
            "that ends in .pt2, and drop --weights."
        )
    return None


def refused_pickle(path: Path, named: str | None) -> CheckpointError | None:
    """The error for a ``torch.save`` file that needs code to be read; None if it is damaged, or not such a file.

    ``named`` is the class at which reading ended, if known.
    """
    try:
        holdings = [*_holdings(_replayed(path))]
    except Exception:  # stubs do not behave as the objects do, and a damaged file fails in any way
        return None
    carried = f" ({named})" if named else ""
    if not holdings:
        return CheckpointError(
            f"Checkpoint {path} contains Python objects{carried}: reading them would run code from the file, so it was "
            "refused, and no weights were found in it. Save the bare weights where the network is: "
            "torch.save(network.state_dict(), 'weights.pth')."
        )
    best = max(holdings, key=lambda held: (held.tensors, not EMA_ENTRIES.isdisjoint(held.keys)))
    if best.kind:
        what, needed = f"contains a whole pickled network ({best.kind}), not only weights", best.kind
    else:
        what, needed = f"contains Python objects{carried} beside its weights", named or ""
    where = f" where {needed.partition('.')[0]!r} can be imported" if "." in needed else ""
    place = "".join(f"[{key!r}]" for key in best.keys) + (".state_dict()" if best.kind else "")
    return CheckpointError(
        f"Checkpoint {path} {what}: reading it would run code from the file, so it was refused. If you trust it, save "
        f"the weights alone once{where}:",
        *_lines(path, _FROM_TORCH_SAVE, place),
    )


def _lines(path: Path, load: str, place: str) -> tuple[str, ...]:
    saved = f"{path.stem}_weights.pth"
    return (
        "    import torch",
        f"    content = {load.format(file=str(path))}",
        f"    torch.save(content{place}, {saved!r})",
        f"and pass that file: --weights {shlex.quote(saved)}",
    )


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError):
        return []


def _replayed(path: Path) -> object:
    if any(name.endswith("data.pkl") for name in _members(path)):
        with zipfile.ZipFile(path) as archive:
            content = archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))
        return _Replay(io.BytesIO(content)).load()
    stream = io.BytesIO(path.read_bytes())
    if _Replay(stream).load() != _LEGACY_MAGIC:
        raise pickle.UnpicklingError("not written by torch.save")
    for _ in ("protocol version", "properties of the system"):
        _Replay(stream).load()
    return _Replay(stream).load()


def _holdings(content: object) -> Iterator[_Holding]:
    """Every network and every dictionary of tensors in a replayed file; each dictionary is entered once."""
    waiting: list[tuple[tuple[object, ...], object]] = [((), content)]
    around: set[int] = set()
    while waiting:
        keys, value = waiting.pop()
        if id(value) in around or len(keys) > 20:
            continue
        around.add(id(value))
        if isinstance(value, _Stub):
            if count := _tensors_of(value):
                yield _Holding(keys, value.kind, count)
        elif isinstance(value, dict):
            if count := sum(map(_is_tensor, dict.values(value))):
                yield _Holding(keys, None, count)
            waiting.extend(((*keys, key), entry) for key, entry in dict.items(value))


def _is_tensor(value: object) -> bool:
    return isinstance(value, _Stub) and value.kind.startswith(("torch._utils._rebuild", "torch._tensor._rebuild"))


def _tensors_of(network: _Stub) -> int:
    """The number of parameters and buffers of a module and those inside it; 0 for any other object."""
    count, waiting, around = 0, [network], set[int]()
    while waiting:
        module = waiting.pop()
        if not isinstance(module, _Stub) or not isinstance(module.state, dict) or id(module) in around:
            continue
        around.add(id(module))
        for kind in ("_parameters", "_buffers", "_modules"):
            held = module.state.get(kind)
            if isinstance(held, dict):
                waiting.extend(dict.values(held))
                count += sum(map(_is_tensor, dict.values(held)))
    return count
