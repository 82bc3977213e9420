"""Where a model comes from: what is accepted, what is refused, and what a refusal says."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ca_deploy.errors import CheckpointError, ModelError, UsageError
from ca_deploy.networks.checkpoint import save_checkpoint
from ca_deploy.networks.source import Network, load
from ca_deploy.records.model import ModelSource, registered_models
from ca_deploy.records.preprocessing import IMAGENET_MEAN, Preprocessing
from tests.programs import hostile
from tests.zoo.tiny import tiny_ca, tiny_trained


def tiny(name: str = "tiny_trained", **given: Any) -> Network:
    return load(ModelSource(f"tests.zoo.tiny:{name}", **{"input_size": 32, **given}))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "my_net.pt2"
    exported = torch.export.export(tiny_trained().eval(), (torch.randn(1, 3, 32, 32),))
    torch.export.save(exported, path)
    return path


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    carried = {"resize": 40, "crop": 32, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}
    save_checkpoint(tiny_trained(num_classes=3), path, {"labels": ["a", "b", "c"], "preprocessing": carried})
    return path


@torch.inference_mode()
def same_answer(one: Network, other: Network) -> bool:
    return torch.equal(one.module(*one.examples()), other.module(*other.examples()))


def photo(network: Network) -> Preprocessing:
    return network.signature.photo_or_refuse(network.name)


def test_networks_of_the_paper_are_registered() -> None:
    assert {"mobilenet_v2", "mobilenet_v2_ca"} <= registered_models().keys()


def test_unknown_model_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match=r"Did you mean 'mobilenet_v2_ca'.*ca-deploy list models"):
        load(ModelSource("mobilenetv2_ca"))


@pytest.mark.parametrize("path", ["net.py", "folder/net.py", "folder/net", "/abs/net.py"])
def test_code_is_not_imported_from_a_path(path: str) -> None:
    with pytest.raises(UsageError, match=r"package\.module:factory"):
        load(ModelSource(path))


@pytest.mark.parametrize("name", ["mobilenet_v2", "mobilenet_v2_ca"])
def test_a_registered_network_without_weights_is_refused(name: str) -> None:
    with pytest.raises(CheckpointError, match=r"no trained weights.*--random-weights"):
        load(ModelSource(name, width=0.5))


def test_random_weights_are_refused_unless_asked_for() -> None:
    with pytest.raises(CheckpointError, match=r"two different networks.*--random-weights"):
        tiny("tiny_ca")
    network = tiny("tiny_ca", random_weights=True)
    assert not network.trained
    assert same_answer(network, tiny("tiny_ca", random_weights=True))  # a converter process builds the same


def test_a_factory_that_brings_its_weights_is_taken_as_trained() -> None:
    network = tiny("tiny_trained")
    assert network.trained
    assert (network.name, network.checkpoint, photo(network).crop) == ("tiny_trained", None, 32)
    assert not network.module.training


def test_an_attribute_may_be_the_network_itself() -> None:
    network = tiny("TRAINED")
    assert network.trained
    assert same_answer(network, tiny("tiny_trained"))


def test_a_network_that_other_code_holds_is_not_changed() -> None:
    from tests.zoo import tiny as held

    held.TRAINED.train()
    try:
        assert not tiny("TRAINED").module.training
        assert held.TRAINED.training
    finally:
        held.TRAINED.eval()


def test_weights_bring_classes_labels_and_preprocessing(weights: Path) -> None:
    network = tiny("tiny_ca", weights=weights, input_size=None)
    assert network.trained
    assert network.labels == ("a", "b", "c")
    assert network.checkpoint == weights
    found = photo(network)
    assert (found.resize, found.crop, found.mean, found.std) == (40, 32, (0.5, 0.4, 0.3), (0.2, 0.2, 0.2))
    assert same_answer(network, tiny("tiny_trained", num_classes=3))


def test_flags_win_over_what_the_checkpoint_carries(weights: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("x\ny\n\nz\n")
    given = {"resize": 48, "input_size": 40, "mean": IMAGENET_MEAN, "labels": tmp_path / "labels.txt"}
    network = tiny("tiny_ca", weights=weights, **given)
    assert (photo(network).resize, photo(network).crop) == (48, 40)
    assert photo(network).mean == IMAGENET_MEAN
    assert network.labels == ("x", "y", "z")


def test_width_travels_with_the_checkpoint(tmp_path: Path) -> None:
    from ca_deploy.models.mobilenet_v2 import mobilenet_v2

    save_checkpoint(mobilenet_v2(num_classes=3, width=0.5), tmp_path / "half.safetensors", {"width": 0.5})
    network = load(ModelSource("mobilenet_v2", weights=tmp_path / "half.safetensors", input_size=32))
    head = network.module.get_submodule("classifier.1")
    assert isinstance(head, nn.Linear) and head.out_features == 3


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("tests.nowhere:net", r"Cannot import 'tests\.nowhere'.*PYTHONPATH"),
        ("tests.zoo.tiny:missing", "has no 'missing'"),
        ("tests.zoo.tiny:", "has no ''"),
        ("tests.zoo.tiny:NUMBER", "is a int, neither an nn.Module nor a function"),
        ("tests.zoo.tiny:not_a_network", "returned a dict, not an nn.Module"),
        ("tests.zoo.tiny:fails", "ZeroDivisionError: no such luck"),
        ("tests/zoo/tiny.py:tiny_ca", "Cannot import"),
    ],
)
def test_a_factory_that_gives_no_network_is_explained(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        load(ModelSource(name, input_size=32))


def test_a_network_that_returns_a_tuple_has_several_outputs() -> None:
    network = tiny("pair_of_outputs")
    assert [(output.name, output.shape) for output in network.signature.outputs] == [
        ("output_0", (1, 3, 32, 32)),
        ("output_1", (1, 3, 32, 32)),
    ]
    assert (network.task.name, network.is_wrapped) == ("tensors", True)
    (example,) = network.examples()
    assert all(torch.equal(given, example) for given in network.module(example))


@pytest.mark.parametrize(
    ("name", "given"), [("tiny_nan", "num_classes"), ("tiny_ca", "width"), ("TRAINED", "num_classes")]
)
def test_a_flag_that_the_factory_does_not_take_is_refused(name: str, given: str) -> None:
    with pytest.raises(UsageError, match=f"--{given.replace('_', '-')}"):
        tiny(name, **{given: 2})


def test_a_program_loads_with_its_own_size_and_weights(program: Path) -> None:
    network = load(ModelSource(str(program)))
    assert (network.name, photo(network).crop, network.trained, network.checkpoint) == ("my_net", 32, True, program)
    with torch.inference_mode():
        (example,) = network.examples()
        torch.testing.assert_close(network.module(example), tiny_trained().eval()(example))


@pytest.mark.parametrize(
    ("given", "flag"),
    [
        ({"weights": Path("x.pth")}, "--weights"),
        ({"width": 0.5}, "--width"),
        ({"num_classes": 5}, "--num-classes"),
        ({"random_weights": True}, "--random-weights"),
    ],
)
def test_a_program_excludes_what_it_carries(given: dict[str, Any], flag: str) -> None:
    with pytest.raises(UsageError, match=f"drop {flag}"):
        ModelSource("net.pt2", **given)


def test_a_program_cannot_change_its_size(program: Path) -> None:
    with pytest.raises(UsageError, match=r"exported for 32 px.*--input-size 64"):
        load(ModelSource(str(program), input_size=64))


@pytest.mark.parametrize("keep", [0, 0.5])
def test_a_truncated_program_is_explained(program: Path, tmp_path: Path, keep: float) -> None:
    content = program.read_bytes()
    (tmp_path / "cut.pt2").write_bytes(content[: int(keep * len(content))])
    with pytest.raises(ModelError, match=r"cut\.pt2 cannot be read as a torch\.export program"):
        load(ModelSource(str(tmp_path / "cut.pt2")))


def test_a_program_that_would_run_code_is_refused(program: Path, tmp_path: Path) -> None:
    content, canary = hostile.members(program), tmp_path / "canary"
    hostile.edit(content, lambda parsed: parsed.update(guards_code=[f"open({str(canary)!r}, 'w')"]))
    path = hostile.write(tmp_path / "hostile.pt2", content)
    with pytest.raises(ModelError, match=r"hostile\.pt2 was refused: the guard .*open\("):
        load(ModelSource(str(path)))
    assert not canary.exists()


def test_a_program_whose_sides_are_free_takes_the_size_that_is_asked_for(tmp_path: Path) -> None:
    height, width = torch.export.Dim("_h", min=1, max=8), torch.export.Dim("_w", min=1, max=8)
    shapes = ({2: 32 * height, 3: 32 * width},)
    exported = torch.export.export(tiny_trained().eval(), (torch.randn(1, 3, 96, 64),), dynamic_shapes=shapes)
    path = tmp_path / "free.pt2"
    torch.export.save(exported, path)
    assert photo(load(ModelSource(str(path)))).crop == 224
    assert photo(load(ModelSource(str(path), input_size=(64, 96)))).crop == (64, 96)
    with pytest.raises(ModelError, match=r"cannot take an image of 320x320 px.*<= 256.*--input-size"):
        load(ModelSource(str(path), input_size=320))


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ModelError, match=r"nowhere\.pt2 does not exist"):
        load(ModelSource("nowhere.pt2"))


@pytest.mark.parametrize("given", [{"mean": (0.5, math.nan, 0.5)}, {"std": (0.5, math.inf, 0.5)}, {"std": (1, 1, 0)}])
def test_mean_and_deviation_are_finite(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="one finite number for each"):
        tiny(**given)


def test_random_weights_and_weights_contradict_each_other() -> None:
    with pytest.raises(UsageError, match="contradict"):
        ModelSource(weights=Path("x.pth"), random_weights=True)


def test_nan_is_traced_to_the_first_module_that_gives_one() -> None:
    with pytest.raises(ModelError, match=r"NaN or infinity.*'block\.attention\.conv1'"):
        tiny("tiny_nan")


@pytest.mark.parametrize("size", [1, 7, 64])
def test_a_size_that_the_network_cannot_take_is_refused(size: int) -> None:
    with pytest.raises(ModelError, match=f"cannot take an image of {size}x{size} px.*--input-size"):
        tiny("tiny_fixed", input_size=size)


@pytest.mark.parametrize("size", [0, -32])
def test_a_size_below_one_pixel_is_refused(size: int) -> None:
    with pytest.raises(UsageError, match=f"--input-size {size}"):
        tiny(input_size=size)


def test_wrong_class_count_is_said_in_those_words(weights: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has 3 classes, but --num-classes 5"):
        tiny("tiny_ca", weights=weights, num_classes=5)


def test_labels_have_to_match_the_outputs(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("one\ntwo\n")
    with pytest.raises(UsageError, match="5 outputs, but there are 2 labels"):
        tiny(labels=labels)
    with pytest.raises(UsageError, match="cannot be read"):
        tiny(labels=tmp_path / "nowhere.txt")


def test_crop_and_input_size_may_not_contradict_each_other() -> None:
    with pytest.raises(UsageError, match=r"--crop 30 and --input-size 32 contradict"):
        tiny(crop=30)
    assert photo(tiny(crop=24, input_size=None)).crop == 24


def test_another_checkpoint_does_not_fit(tmp_path: Path) -> None:
    torch.save(tiny_ca().stem.state_dict(), tmp_path / "stem.pth")
    with pytest.raises(CheckpointError, match=r"missing(.|\n)*unexpected"):
        tiny("tiny_ca", weights=tmp_path / "stem.pth")


def test_a_number_of_classes_that_no_network_has_is_refused_by_its_option() -> None:
    with pytest.raises(UsageError, match="--num-classes 0 is not possible: ssdlite320_mobilenet_v2_ca takes 1 or more"):
        ModelSource("ssdlite320_mobilenet_v2_ca", num_classes=0)
    with pytest.raises(UsageError, match="--num-classes -1 is not possible"):
        ModelSource("timm:create", num_classes=-1)
    assert ModelSource("timm:create", num_classes=0).num_classes == 0  # without a head
