"""Checkpoints: unwrapped whatever they come in, and refused with a reason."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.errors import CheckpointError
from ca_deploy.networks.candidates import candidates_in
from ca_deploy.networks.checkpoint import load_weights, read_checkpoint, save_checkpoint
from tests.zoo.tiny import TinyCA, tiny_ca, tiny_trained

State = dict[str, Tensor]


def states_equal(one: State, other: State) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def prefixed(state: State, prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda good, _: good,
        lambda good, _: {"state_dict": good, "epoch": 3, "best": torch.tensor(0.5)},
        lambda good, _: {"model": good, "optimizer": {"lr": 0.1}},
        lambda good, _: prefixed(good, "module."),
        lambda good, _: {"model": prefixed(good, "module._orig_mod.")},
        lambda good, _: {"state_dict": prefixed(good, "model.")},
        lambda good, bad: {"state_dict": bad, "state_dict_ema": good},
        lambda good, bad: {"model": bad, "model_ema": {"module": good}},
        lambda good, bad: {"ema": {"state_dict": good}, "state_dict": bad},
        lambda good, _: {"n_averaged": torch.tensor([5]), **prefixed(good, "module.")},
    ],
    ids=[
        "bare",
        "state_dict",
        "model",
        "DataParallel",
        "compiled",
        "lightning",
        "EMA",
        "nested EMA",
        "ema entry",
        "SWA",
    ],
)
def test_wrapped_checkpoint_is_unwrapped(tmp_path: Path, wrap: Callable[[State, State], Any]) -> None:
    good, bad = tiny_trained().state_dict(), tiny_ca().state_dict()
    torch.save(wrap(good, bad), tmp_path / "net.pth")
    network = tiny_ca()
    assert load_weights(network, read_checkpoint(tmp_path / "net.pth")).layout == "native"
    assert states_equal(network.state_dict(), good)


def test_missing_file_and_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"nowhere\.pth does not exist"):
        read_checkpoint(tmp_path / "nowhere.pth")
    with pytest.raises(CheckpointError, match="is a folder"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize(
    ("keep", "said"), [(0, "is empty"), (0.02, "truncated"), (0.5, "truncated"), (0.98, "truncated")]
)
def test_truncated_checkpoint_is_explained(tmp_path: Path, suffix: str, keep: float, said: str) -> None:
    path = tmp_path / f"net{suffix}"
    save_checkpoint(tiny_ca(), path, {}) if suffix == ".safetensors" else torch.save(tiny_ca().state_dict(), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(CheckpointError, match=said) as error:
        read_checkpoint(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"), [({"epoch": 3}, r"no weights \(its entries: epoch\)"), ([1, 2], "a list"), ({}, "nothing")]
)
def test_a_file_without_weights_says_what_it_holds(tmp_path: Path, content: Any, said: str) -> None:
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=said):
        read_checkpoint(tmp_path / "net.pth")


def _in_itself(entries: str, between: Any = None) -> dict[str, Any]:
    """A dictionary that leads back to itself by ``entries``, as in ``model.state_dict``."""
    outermost: dict[str, Any] = {"epoch": 3}
    inner = outermost
    *way, last = entries.split(".")
    for entry in way:
        inner[entry] = {"epoch": 3}
        inner = inner[entry]
    inner[last] = outermost if between is None else between(outermost)
    return outermost


@pytest.mark.parametrize("entries", ["state_dict", "model", "model.state_dict", "state_dict_ema.ema.net.module"])
def test_a_checkpoint_that_contains_itself_is_read_once(tmp_path: Path, entries: str) -> None:
    content = _in_itself(entries)
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=f"its entry {entries} leads back to a dictionary that contains it"):
        read_checkpoint(tmp_path / "net.pth")
    content["weights"] = tiny_trained().state_dict()
    torch.save(content, tmp_path / "net.pth")
    assert load_weights(tiny_ca(), read_checkpoint(tmp_path / "net.pth")).note == "Weights from weights"


def test_a_checkpoint_that_enters_a_circle_further_in_is_refused(tmp_path: Path) -> None:
    torch.save({"ema": _in_itself("model")}, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=r"its entry ema\.model leads back"):
        read_checkpoint(tmp_path / "net.pth")


def test_a_hundred_thousand_dictionaries_one_in_another_are_followed() -> None:
    """In time that grows with their number, not with its square."""
    content: dict[str, Any] = {"weight": torch.ones(2)}
    for _ in range(100_000):
        content = {"model": content}
    (candidate,) = candidates_in(content, Path("net.pth"))
    assert list(candidate.tensors) == ["weight"]


def test_weights_in_a_list_are_not_looked_for(tmp_path: Path) -> None:
    torch.save(_in_itself("state_dict", lambda outer: [outer]), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=r"no weights \(its entries: epoch, state_dict\)"):
        read_checkpoint(tmp_path / "net.pth")


def _quantised(value: Tensor) -> Tensor:
    return torch.quantize_per_tensor(value, 0.1, 0, torch.qint8)


@pytest.mark.parametrize(
    ("convert", "said"),
    [
        (lambda value: value.to("meta"), r"without its values \(it is on the meta device\)"),
        (lambda value: value.to_sparse(), r"in the layout torch\.sparse_coo"),
        (lambda value: value.flatten(1).to_sparse_csr(), r"in the layout torch\.sparse_csr"),
        (_quantised, "as a quantised tensor"),
    ],
)
def test_tensors_that_are_not_arrays_of_numbers_are_named(
    tmp_path: Path, convert: Callable[[Tensor], Tensor], said: str
) -> None:
    state = tiny_ca().state_dict()
    state["stem.0.weight"] = convert(state["stem.0.weight"])
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=rf"stores stem\.0\.weight {said}"):
        load_weights(tiny_ca(), read_checkpoint(tmp_path / "net.pth"))


def test_mismatch_lists_missing_unexpected_and_misshapen_together(tmp_path: Path) -> None:
    state = tiny_ca(num_classes=7).state_dict()
    state["classifier.extra"] = state.pop("stem.0.weight")
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(CheckpointError) as error:
        load_weights(tiny_ca(num_classes=5), read_checkpoint(tmp_path / "net.pth"))
    message = str(error.value)
    assert "does not fit TinyCA" in message
    assert "missing (1):\n    stem.0.weight" in message
    assert "unexpected (1):\n    classifier.extra" in message
    assert "wrong shape (2):" in message
    assert "classifier.weight: the file has (7, 16), the network (5, 16)" in message


def test_nothing_is_loaded_where_something_does_not_fit(tmp_path: Path) -> None:
    torch.save(tiny_trained(num_classes=7).state_dict(), tmp_path / "net.pth")
    network = tiny_ca()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    with pytest.raises(CheckpointError):
        load_weights(network, read_checkpoint(tmp_path / "net.pth"))
    assert states_equal(network.state_dict(), before)


@pytest.mark.parametrize("half", [False, True])
def test_saved_checkpoint_reads_back(tmp_path: Path, half: bool) -> None:
    metadata = {"labels": ["daisy", "Löwenzahn"], "preprocessing": {"resize": 36, "crop": 32}}
    trained = tiny_trained()
    save_checkpoint(trained, tmp_path / "net.safetensors", metadata, half)
    checkpoint = read_checkpoint(tmp_path / "net.safetensors")
    assert checkpoint.metadata == metadata
    network = tiny_ca()
    load_weights(network, checkpoint)
    for key, value in network.state_dict().items():
        expected = trained.state_dict()[key]
        if not key.endswith("num_batches_tracked"):
            assert value.dtype == torch.float32
            assert torch.equal(value, expected.half().float() if half else expected)


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    network = nn.Linear(256, 256)
    for half in (False, True):
        save_checkpoint(network, tmp_path / f"{half}.safetensors", {}, half)
    small, large = ((tmp_path / f"{half}.safetensors").stat().st_size for half in (True, False))
    assert small < 0.52 * large


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    digests = set()
    for network in (TinyCA(), TinyCA()):
        save_checkpoint(network, tmp_path / "net.safetensors", {})
        digests.add(read_checkpoint(tmp_path / "net.safetensors").sha256)
    assert len(digests) == 2
