"""The number of classes is the one with which the network fits the file, wherever its head is in the file."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from ca_deploy.errors import CheckpointError
from ca_deploy.networks.source import Network, load
from ca_deploy.records.model import ModelSource
from tests.zoo import heads


def loaded(name: str, weights: Path, **given: Any) -> Network:
    return load(ModelSource(f"tests.zoo.heads:{name}", weights=weights, input_size=32, **given))


def outputs(network: Network) -> tuple[int, ...]:
    return network.signature.outputs[0].shape


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "net.pth"
    torch.save(heads.classifier(5).state_dict(), path)
    return path


@pytest.mark.parametrize("name", ["classifier", "classifier_without_default", "few"])
@pytest.mark.parametrize("asked", [None, 5])
def test_a_head_before_other_matrices_is_found(weights: Path, name: str, asked: int | None) -> None:
    assert outputs(loaded(name, weights, num_classes=asked)) == (1, 5)


def test_the_order_of_keys_in_safetensors_does_not_matter(tmp_path: Path) -> None:
    save_file(heads.classifier(6).state_dict(), tmp_path / "net.safetensors")
    assert outputs(loaded("classifier", tmp_path / "net.safetensors")) == (1, 6)


def test_the_head_of_a_detector_has_other_channels_than_classes(tmp_path: Path) -> None:
    torch.save(heads.detector(7).state_dict(), tmp_path / "net.pth")
    assert outputs(loaded("detector", tmp_path / "net.pth"))[1] == 36


@pytest.mark.parametrize(("classes", "logits"), [(2, 1), (5, 5)])
def test_a_special_case_for_two_classes_is_survived(tmp_path: Path, classes: int, logits: int) -> None:
    torch.save(heads.binary(classes).state_dict(), tmp_path / "net.pth")
    assert outputs(loaded("binary", tmp_path / "net.pth")) == (1, logits)


def test_the_default_is_tried_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[int] = []

    def counted(num_classes: int = 4) -> heads.Classifier:
        built.append(num_classes)
        return heads.Classifier(num_classes)

    monkeypatch.setattr(heads, "classifier", counted)
    torch.save(heads.Classifier(4).state_dict(), tmp_path / "net.pth")
    loaded("classifier", tmp_path / "net.pth")
    assert built == [4]


@pytest.mark.parametrize("wrap", [lambda s: {"state_dict": s}, lambda s: {"net." + k: v for k, v in s.items()}])
def test_classes_are_found_in_wrapped_weights(tmp_path: Path, wrap: Any) -> None:
    torch.save(wrap(heads.classifier(5).state_dict()), tmp_path / "net.pth")
    assert outputs(loaded("classifier", tmp_path / "net.pth")) == (1, 5)


@pytest.mark.parametrize("key", ["mine", "state_dict.mine"])
def test_classes_are_those_of_the_chosen_weights(tmp_path: Path, key: str) -> None:
    copies = {"old": heads.classifier(1000).state_dict(), "mine": heads.classifier(5).state_dict()}
    prefixed = {f"{name}.{k}": v for name, state in copies.items() for k, v in state.items()}
    torch.save(copies if key == "mine" else {"state_dict": prefixed}, tmp_path / "net.pth")
    assert outputs(loaded("classifier", tmp_path / "net.pth")) == (1, 1000)
    assert outputs(loaded("classifier", tmp_path / "net.pth", weights_key=key)) == (1, 5)
    assert outputs(loaded("classifier", tmp_path / "net.pth", num_classes=5)) == (1, 5)


def test_another_count_than_the_file_s_is_refused_with_both(weights: Path) -> None:
    with pytest.raises(CheckpointError, match="has 5 classes, but --num-classes 7 was given"):
        loaded("classifier", weights, num_classes=7)


def test_what_is_wrong_beside_the_head_is_listed_alone(tmp_path: Path) -> None:
    state = heads.classifier(5).state_dict()
    state["neck.bias"] = torch.ones(13)
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=r"wrong shape \(1\):\n    neck\.bias: the file has \(13,\)"):
        loaded("classifier", tmp_path / "net.pth")


def test_a_shape_that_the_file_has_no_numbers_for_builds_nothing(tmp_path: Path) -> None:
    """A network with as many classes would not fit into memory."""
    state = heads.classifier(5).state_dict()
    state["head.weight"] = torch.ones(1).expand(10**13, 12)
    state["head.bias"] = torch.ones(1).expand(10**13)
    torch.save(state, tmp_path / "net.pth")
    with pytest.raises(CheckpointError, match=r"head\.weight: the file has \(10000000000000, 12\)"):
        loaded("classifier", tmp_path / "net.pth")
