"""Which weights of a file are loaded: what fits, whatever it is called; and what is said or asked about them."""

import re
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ca_deploy.errors import CheckpointError, UsageError
from ca_deploy.networks.checkpoint import load_weights, read_checkpoint
from ca_deploy.networks.program import save_program
from ca_deploy.networks.source import load
from ca_deploy.records.model import ModelSource
from tests.zoo.heads import Classifier, Wrapped

State = dict[str, Tensor]
GOOD: State = dict(Classifier(5).state_dict())
OTHER: State = dict(Classifier(5).state_dict())


def prefixed(state: State, prefix: str) -> State:
    return {prefix + key: value for key, value in state.items()}


def note(content: Any, folder: Path, network: nn.Module | None = None, key: str | None = None) -> str | None:
    """The sentence about the choice, after the network has got the weights ``GOOD``."""
    torch.save(content, folder / "net.pth")
    network = network or Classifier(5)
    said = load_weights(network, read_checkpoint(folder / "net.pth", key)).note
    found = getattr(network, "model", network).state_dict()
    assert all(torch.equal(found[name], value) for name, value in GOOD.items())
    return said


@pytest.mark.parametrize(
    ("wrap", "said"),
    [
        (lambda: GOOD, None),
        (lambda: {"weights of ours": {"epoch 90": GOOD}}, "Weights from weights of ours.epoch 90"),
        (lambda: {"state_dict": GOOD, "rng_state": torch.get_rng_state()}, "Weights from state_dict"),
        (lambda: {"model_state_dict": GOOD, "class_weights": torch.ones(5)}, "Weights from model_state_dict"),
        (lambda: {"state_dict": GOOD, "ema": {"decay": 0.9, "updates": 3}}, "Weights from state_dict"),
        (lambda: {"state_dict": GOOD, "ema": {"steps": torch.tensor(3)}}, "Weights from state_dict"),
        (lambda: prefixed(GOOD, "generator.g."), "Prefix 'generator.g.' removed"),
        (
            lambda: {"state_dict": prefixed(GOOD, "net.") | {"criterion.weight": torch.ones(5)}},
            "Weights from state_dict, prefix 'net.' removed, left out criterion (1 entry)",
        ),
        (lambda: {"n_averaged": torch.tensor(5)} | prefixed(GOOD, "module."), "module.' removed, ignored n_averaged"),
        (
            lambda: (
                GOOD | {"total_ops": torch.ones(1), "total_params": torch.ones(1), "body.0.total_ops": torch.ones(1)}
            ),
            "Ignored total_ops, total_params (3 entries)",
        ),
        (lambda: GOOD | {"neck.num_batches_tracked": torch.tensor(0)}, "Ignored num_batches_tracked (1 entry)"),
        (
            lambda: {"state_dict": OTHER, "state_dict_ema": GOOD},
            "EMA weights from state_dict_ema instead of state_dict",
        ),
        (
            lambda: {"model": OTHER, "best": prefixed(OTHER, "a."), "ema": {"module": GOOD}},
            "EMA weights from ema.module",
        ),
        (
            lambda: {"model": GOOD, "ema": {"module": {k: v[:1] for k, v in GOOD.items() if v.ndim}}},
            "Weights from model",
        ),
        (lambda: {"model": GOOD, "best": {k: v.clone() for k, v in GOOD.items()}}, "Weights from model"),
        (lambda: {"model": GOOD, "again": GOOD}, "Weights from model"),
    ],
)
def test_what_fits_is_found_and_said(tmp_path: Path, wrap: Callable[[], Any], said: str | None) -> None:
    found = note(wrap(), tmp_path)
    assert found is None if said is None else said in (found or "")


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "net.module."])
def test_a_network_keeps_its_own_prefix(tmp_path: Path, prefix: str) -> None:
    said = note({"state_dict": prefixed(prefixed(GOOD, "model."), prefix)}, tmp_path, Wrapped())
    assert said == "Weights from state_dict" + (f", prefix {prefix!r} removed" if prefix else "")


def test_half_precision_and_an_optimiser_beside_the_weights_are_no_obstacle(tmp_path: Path) -> None:
    network = Classifier(5)
    optimiser = torch.optim.AdamW(network.parameters())
    network(torch.randn(2, 3, 8, 8)).sum().backward()
    optimiser.step()
    half = {key: value.half() if value.is_floating_point() else value for key, value in network.state_dict().items()}
    torch.save({"model": half, "optimizer": optimiser.state_dict()}, tmp_path / "net.pth")
    other = Classifier(5)
    assert load_weights(other, read_checkpoint(tmp_path / "net.pth")).note == "Weights from model"
    assert torch.equal(other.neck.weight, network.neck.weight.half().float())


COPIES = {
    "two entries": {"first": GOOD, "second": {"inner": OTHER}},
    "two prefixes": {"state_dict": prefixed(GOOD, "first.") | prefixed(OTHER, "second.inner.")},
    "two prefixes of one network": {"state_dict": prefixed(GOOD, "first.") | prefixed(GOOD, "second.inner.")},
    "two averages": {"ema": GOOD, "model_ema": OTHER, "first": GOOD, "second": OTHER},
}
NAMES = {
    "two entries": ("first", "second.inner"),
    "two prefixes": ("state_dict.first", "state_dict.second.inner"),
    "two prefixes of one network": ("state_dict.first", "state_dict.second.inner"),
    "two averages": ("ema", "model_ema"),
}


@pytest.mark.parametrize("kind", COPIES)
def test_of_two_that_fit_the_user_chooses(tmp_path: Path, kind: str) -> None:
    one, other = NAMES[kind]
    expected = (
        f"2 sets of weights that fit: {one}, {other}. Choose one with --weights-key, for instance --weights-key {one}."
    )
    with pytest.raises(CheckpointError, match=re.escape(expected)):
        note(COPIES[kind], tmp_path)
    said = note(COPIES[kind], tmp_path, key=one)
    assert said and one.rpartition(".")[2] in said


@pytest.mark.parametrize("key", ["first", "state_dict.first"])
def test_a_part_of_the_name_is_enough(tmp_path: Path, key: str) -> None:
    assert note(COPIES["two prefixes"], tmp_path, key=key)


def test_a_name_that_is_an_entry_does_not_mean_another_entry(tmp_path: Path) -> None:
    content = {"state_dict": OTHER, "ema": {"state_dict": GOOD}}
    assert note({"state_dict": GOOD, "ema": {"state_dict": OTHER}}, tmp_path, key="state_dict")
    assert note(content, tmp_path, key="ema")
    content["state_dict"] = {"neck.bias": torch.ones(3)}
    with pytest.raises(CheckpointError, match=r"does not fit Classifier .*from state_dict"):
        note(content, tmp_path, key="state_dict")


def test_the_whole_file_has_a_name_too(tmp_path: Path) -> None:
    assert note({**GOOD, "best": OTHER}, tmp_path, key=".") is None


def test_a_name_that_is_not_in_the_file_gets_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no weights under 'third' .* under: first, second\.inner"):
        note(COPIES["two entries"], tmp_path, key="third")


def test_a_name_without_a_file_is_refused() -> None:
    with pytest.raises(UsageError, match="--weights-key names an entry"):
        ModelSource(weights_key="ema")


def test_the_source_carries_the_name_and_the_network_the_sentence(tmp_path: Path) -> None:
    torch.save(COPIES["two entries"], tmp_path / "net.pth")
    source = ModelSource("tests.zoo.heads:classifier", weights=tmp_path / "net.pth", input_size=32)
    with pytest.raises(CheckpointError, match="2 sets of weights"):
        load(source)
    chosen = ModelSource(source.model, weights=source.weights, weights_key="second", input_size=32)
    network = load(chosen)
    assert network.notes == ("Weights from second.inner",)
    assert save_program(network, tmp_path, chosen).weights_key is None  # a program has no other weights


def test_an_unexpected_key_is_not_left_out_where_nothing_was_removed(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"unexpected \(1\):\n    auxiliary\.weight"):
        note(GOOD | {"auxiliary.weight": torch.ones(2)}, tmp_path)


def test_the_closest_of_several_is_the_one_that_is_described(tmp_path: Path) -> None:
    almost = {key: value for key, value in GOOD.items() if key != "neck.bias"}
    content = {
        "epoch": {"loss": torch.ones(3)},
        "model": prefixed(almost, "module."),
        "optimizer": {"neck": OTHER["neck.bias"]},
    }
    with pytest.raises(CheckpointError, match=r"from model\.module\):\n  missing \(1\):\n    neck\.bias\n"):
        note(content, tmp_path)


class Described:
    """Pickled as an ``OrderedDict`` with attributes that hide its methods."""

    def __init__(self, **entries: Any) -> None:
        self.entries = entries

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (list(self.entries.items()),), dict.fromkeys(("items", "keys", "values", "get"), 5)


def test_attributes_that_a_file_gives_its_dictionaries_are_not_called(tmp_path: Path) -> None:
    assert note(Described(model=Described(**GOOD)), tmp_path) == "Weights from model"
    torch.save(Described(epoch=3), tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match="its entries: epoch"):
        read_checkpoint(tmp_path / "net.pth")
