"""Files that hold more than weights get the three lines that save their weights; these are run here."""

import re
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from ca_deploy.errors import CheckpointError
from ca_deploy.networks.checkpoint import load_weights, read_checkpoint
from tests.zoo.tiny import TinyCA, tiny_ca, tiny_trained


class Config(dict[str, Any]):
    """As OmegaConf's and Lightning's: a class of its own, with weights beside it."""


def refusal(path: Path) -> str:
    with pytest.raises(CheckpointError) as error:
        read_checkpoint(path)
    return str(error.value)


def lines_of(message: str) -> list[str]:
    return textwrap.dedent("\n".join(re.findall(r"^    .*", message, re.M))).splitlines()


CONTENTS: dict[str, tuple[Any, str]] = {
    "a network": (tiny_trained(), "contains a whole pickled network (tests.zoo.tiny.TinyCA)"),
    "as YOLO": (
        {"epoch": 3, "model": tiny_trained().half(), "ema": None, "optimizer": {"state": {0: {"exp": torch.ones(3)}}}},
        "contains a whole pickled network (tests.zoo.tiny.TinyCA)",
    ),
    "an average": ({"model": tiny_ca(), "ema": tiny_trained()}, "contains a whole pickled network"),
    "in parallel": ({"net": nn.DataParallel(tiny_trained())}, "contains a whole pickled network"),
    "weights beside settings": (
        {"state_dict": tiny_trained().state_dict(), "config": Config(lr=0.1)},
        "contains Python objects (tests.networks.test_refused_file.Config) beside its weights",
    ),
    "deep": ({"a": {"it's": {0: tiny_trained().state_dict()}}, "config": Config(a=Config())}, "beside its weights"),
}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "before 1.6"])
@pytest.mark.parametrize("kind", CONTENTS)
def test_the_three_lines_save_the_weights_of_that_very_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, zipped: bool
) -> None:
    content, said = CONTENTS[kind]
    path = tmp_path / "my net.pt"
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    message = refusal(path)
    assert said in message
    lines = lines_of(message)
    assert len(lines) == 3
    monkeypatch.chdir(tmp_path)
    exec("\n".join(lines), {})
    network = tiny_ca()
    assert "--weights 'my net_weights.pth'" in message
    load_weights(network, read_checkpoint(tmp_path / "my net_weights.pth"))
    expected = tiny_trained().classifier.weight
    torch.testing.assert_close(network.classifier.weight, expected, rtol=1e-3, atol=1e-3)


def test_the_three_lines_for_torchscript_use_torch_jit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.jit.trace(tiny_trained().eval(), torch.randn(1, 3, 32, 32)).save(tmp_path / "traced.pt")
    message = refusal(tmp_path / "traced.pt")
    assert "is a TorchScript archive" in message
    lines = lines_of(message)
    assert len(lines) == 3 and "torch.jit.load" in lines[1]
    monkeypatch.chdir(tmp_path)
    exec("\n".join(lines), {})
    network = tiny_ca()
    load_weights(network, read_checkpoint(tmp_path / "traced_weights.pth"))
    assert torch.equal(network.classifier.weight, tiny_trained().classifier.weight)


def test_a_program_is_no_weights_but_a_model(tmp_path: Path) -> None:
    torch.export.save(torch.export.export(tiny_trained().eval(), (torch.randn(1, 3, 32, 32),)), tmp_path / "net.pt2")
    (tmp_path / "net.pt2").rename(tmp_path / "net.pth")
    assert "is a torch.export program with its weights inside. Pass it as the model" in refusal(tmp_path / "net.pth")


def test_objects_without_weights_are_named(tmp_path: Path) -> None:
    torch.save({"config": Config(a=1)}, tmp_path / "net.pth")
    message = refusal(tmp_path / "net.pth")
    assert "contains Python objects (tests.networks.test_refused_file.Config)" in message
    assert "no weights were found in it" in message


def test_a_newer_pickle_protocol_gets_the_lines_too(tmp_path: Path) -> None:
    torch.save({"state_dict": tiny_trained().state_dict()}, tmp_path / "net.pth", pickle_protocol=4)
    assert "['state_dict']" in refusal(tmp_path / "net.pth")


def test_a_file_of_another_kind_is_not_taken_for_code(tmp_path: Path) -> None:
    (tmp_path / "net.pth").write_text("<html>404 not found</html>")
    message = refusal(tmp_path / "net.pth")
    assert "is a web page" in message
    assert "Python objects" not in message


def test_looking_at_a_refused_file_runs_nothing_of_it(tmp_path: Path) -> None:
    class Loud(TinyCA):
        def __setstate__(self, state: Any) -> None:
            raise AssertionError("was run")

    Loud.__qualname__ = Loud.__name__ = "Loud"
    globals()["Loud"] = Loud
    torch.save(Loud(), tmp_path / "net.pth")
    assert "(tests.networks.test_refused_file.Loud)" in refusal(tmp_path / "net.pth")


def test_numbers_of_a_hostile_pickle_take_no_memory(tmp_path: Path) -> None:
    # PROTO 4, EMPTY_DICT, LONG_BINPUT 2**32 - 1: the memo of the unpickler in C would take 64 GB
    with zipfile.ZipFile(tmp_path / "net.pth", "w") as archive:
        archive.writestr("net/data.pkl", b"\x80\x04}r\xff\xff\xff\xffc__main__\nThing\n.")
        archive.writestr("net/version", b"3\n")
    assert "Checkpoint" in refusal(tmp_path / "net.pth")
