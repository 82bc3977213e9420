"""What training scripts store beside weights is read as data; any other class ends the reading, and no code runs."""

import argparse
import collections
import pickle
from collections.abc import Callable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pytest
import torch

from ca_deploy.errors import CheckpointError
from ca_deploy.networks import safe_pickle
from ca_deploy.networks.checkpoint import load_weights, read_checkpoint
from tests.zoo.tiny import tiny_ca, tiny_trained


def lists() -> Any:
    history = collections.defaultdict(list)
    history["loss"].append(0.5)
    return history


BESIDE = {
    "a numpy scalar": np.float64(0.953),
    "numpy scalars of other kinds": [np.int64(3), np.bool_(True), np.str_("best"), np.float16(1), np.complex64(1j)],
    "numpy arrays": [np.arange(6).reshape(2, 3), np.zeros((0, 3)), np.array(3.0), np.array(["a"]), np.array([None])],
    "numpy's random state": np.random.get_state(),
    "a namespace": argparse.Namespace(lr=0.1, data=Path("/data"), kind=int, more=argparse.Namespace(x=1)),
    "a defaultdict": lists(),
    "defaultdicts": {
        kind: collections.defaultdict(kind, a=kind()) for kind in (int, float, str, dict, set, tuple, bool)
    },
    "other dictionaries": [collections.OrderedDict(a=1), collections.Counter("aab")],
    "paths": [Path("runs/3"), PurePosixPath("/a"), PureWindowsPath("C:\\a")],
    "sets and numbers": [{1, 2}, (1, 2), 10**30, 1j, b"", b"\xff", bytearray(b"x"), None, True, 0.5],
    "torch's own": [torch.float16, torch.device("cpu"), torch.Size([1, 2]), torch.get_rng_state()],
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("kind", BESIDE)
def test_what_scripts_store_beside_the_weights_is_read(tmp_path: Path, kind: str, zipped: bool) -> None:
    content = {"state_dict": tiny_trained().state_dict(), "beside": BESIDE[kind]}
    torch.save(content, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    network = tiny_ca()
    load_weights(network, read_checkpoint(tmp_path / "net.pth"))
    assert torch.equal(network.classifier.weight, tiny_trained().classifier.weight)


def test_values_are_those_that_were_stored(tmp_path: Path) -> None:
    rows = np.arange(6, dtype=">i4").reshape(2, 3)
    content = {"best": np.float64(0.953), "history": lists(), "out": Path("runs/3"), "rows": np.asfortranarray(rows)}
    torch.save(content, tmp_path / "net.pth")
    found: Any = safe_pickle.read(tmp_path / "net.pth")
    assert (found["best"], found["history"], found["out"]) == (0.953, {"loss": [0.5]}, "runs/3")
    assert found["rows"].tensor.tolist() == rows.tolist()
    with pytest.raises(KeyError):
        found["history"]["accuracy"]


def test_weights_may_be_numpy_arrays(tmp_path: Path) -> None:
    state = {key: value.numpy() for key, value in tiny_trained().state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "net.pth")
    network = tiny_ca()
    load_weights(network, read_checkpoint(tmp_path / "net.pth"))
    assert torch.equal(network.classifier.weight, tiny_trained().classifier.weight)


def test_nothing_stays_allowed_afterwards(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(1), "args": argparse.Namespace()}, tmp_path / "net.pth")
    before = set(torch.serialization.get_safe_globals())
    read_checkpoint(tmp_path / "net.pth")
    assert set(torch.serialization.get_safe_globals()) == before  # the order of a set
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "net.pth", weights_only=True)


class Trap:
    """Calls a function when it is unpickled, by default one that makes a folder."""

    def __init__(self, *called: Any) -> None:
        self.called = called

    def __reduce__(self) -> tuple[Any, ...]:
        function, *arguments = self.called
        return function, tuple(arguments)


@pytest.mark.parametrize(
    "save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content, protocol=2))]
)
def test_pickled_code_is_refused_and_not_run(tmp_path: Path, save: Callable[[Any, Path], Any]) -> None:
    sprung = tmp_path / "sprung"
    weights = tiny_ca().state_dict()
    save({"state_dict": weights, "args": Trap(Path.mkdir, sprung)}, tmp_path / "trap.pth")
    with pytest.raises(CheckpointError):
        read_checkpoint(tmp_path / "trap.pth")
    assert not sprung.exists()


def _touch(path: str) -> None:
    Path(path).touch()


class Factory:
    """A defaultdict of code, a namespace that is more than its entries, and the like: by ``__reduce__``."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> tuple[Any, ...]:
        return self.reduced


@pytest.mark.parametrize(
    "hidden",
    [
        lambda canary: collections.defaultdict(_touch),  # type: ignore[arg-type]
        lambda canary: argparse.Namespace(x=Trap(_touch, canary)),
        lambda canary: Factory(collections.defaultdict, (Trap(_touch, canary),)),
        lambda canary: Factory(argparse.Namespace, (), {"__class__": Trap(_touch, canary)}),
        lambda canary: Factory(argparse.Namespace, (), (None, {"__class__": Trap(_touch, canary)})),
        lambda canary: Factory(np.dtype, (Trap(_touch, canary),)),
        lambda canary: np.array([Trap(_touch, canary)], dtype=object),
        lambda canary: Factory(Path, (Trap(_touch, canary),)),
        lambda canary: Factory(eval, (f"open({canary!r}, 'w')",)),
        lambda canary: Factory(map, (_touch, [canary])),
        lambda canary: Factory(list, (Factory(map, (_touch, [canary])),)),
    ],
)
@pytest.mark.parametrize("zipped", [True, False])
def test_no_class_on_the_list_lets_code_in(tmp_path: Path, hidden: Callable[[str], Any], zipped: bool) -> None:
    canary = tmp_path / "canary"
    content = {"state_dict": tiny_ca().state_dict(), "args": hidden(str(canary))}
    torch.save(content, tmp_path / "net.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match="was refused"):
        read_checkpoint(tmp_path / "net.pth")
    assert not canary.exists()


@pytest.mark.parametrize(
    "odd",
    [
        Factory(np.dtype, (("f4", 3),)),
        Factory(np.dtype, ("V8",), (3, "|", None, ("x",), {}, 8, 1, 0)),
        Factory(np._core.multiarray.scalar, (5, b"x")),  # type: ignore[attr-defined]
        Factory(np._core.multiarray._reconstruct, (np.ndarray, (0,), b"b"), (1, (9,), 7, False, b"")),  # type: ignore[attr-defined]
        Factory(argparse.Namespace, (), [1, 2]),
        Factory(collections.defaultdict, (5, 6, 7)),
    ],
)
def test_pieces_that_do_not_belong_together_are_data_nobody_needs(tmp_path: Path, odd: object) -> None:
    torch.save({"state_dict": tiny_ca().state_dict(), "odd": odd}, tmp_path / "net.pth")
    load_weights(tiny_ca(), read_checkpoint(tmp_path / "net.pth"))


def test_an_array_with_too_few_numbers_is_damage(tmp_path: Path) -> None:
    wrong = np.arange(6, dtype="f4").__reduce__()
    torch.save({"a": Factory(wrong[0], wrong[1], (1, (9,), np.dtype("f4"), False, b"1234"))}, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(tmp_path / "net.pth")
