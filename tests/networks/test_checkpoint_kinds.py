"""Checkpoints as people have them load right, or get a message that says what to do; the lines in it are run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from ca_deploy.errors import CheckpointError
from ca_deploy.networks.checkpoint import load_weights, read_checkpoint
from tests.zoo.heads import Classifier

State = dict[str, Tensor]
GOOD: State = dict(Classifier(5).state_dict())
FIRST = next(iter(GOOD)).split(".")[0]


def loaded(path: Path) -> str | None:
    """The note, after the network got ``GOOD``."""
    network = Classifier(5)
    note = load_weights(network, read_checkpoint(path)).note
    found = network.state_dict()
    for key, value in GOOD.items():
        torch.testing.assert_close(found[key], value, rtol=1e-2, atol=1e-2)
    return note


def renamed(change: Callable[[str], str]) -> State:
    return {change(key): value for key, value in GOOD.items()}


def cast(dtype: torch.dtype) -> State:
    return {key: value.to(dtype) if value.is_floating_point() else value for key, value in GOOD.items()}


def after_first(key: str, wrapper: str) -> str:
    first, *others = key.split(".")
    return ".".join([first, *([wrapper] if first == FIRST else []), *others])


LOADED: dict[str, tuple[Callable[[], Any], str | None]] = {
    "DDP": (lambda: {"model": renamed("module.{}".format)}, "Weights from model, prefix 'module.' removed"),
    "compiled": (lambda: renamed("_orig_mod.{}".format), "Prefix '_orig_mod.' removed"),
    "compiled DDP": (lambda: renamed("module._orig_mod.{}".format), "Prefix 'module._orig_mod.' removed"),
    "a compiled part": (
        lambda: renamed(lambda key: after_first(key, "_orig_mod")),
        "'_orig_mod' taken out of its keys",
    ),
    "a part in FSDP, and DDP": (
        lambda: renamed(lambda key: "module." + after_first(key, "_fsdp_wrapped_module")),
        "Prefix 'module.' removed, '_fsdp_wrapped_module' taken out of its keys",
    ),
    "EMA of a DDP": (
        lambda: {"ema_model": renamed("module.{}".format)},
        "Weights from ema_model, prefix 'module.' removed",
    ),
    "half": (lambda: cast(torch.float16), None),
    "bfloat16": (lambda: cast(torch.bfloat16), None),
    "double": (lambda: cast(torch.float64), None),
    "arrays of numpy": (lambda: {key: value.numpy() for key, value in GOOD.items()}, None),
    "parameters": (lambda: {k: nn.Parameter(v) if v.is_floating_point() else v for k, v in GOOD.items()}, None),
    "no EMA yet": (lambda: {"model": GOOD, "ema": None, "updates": 3}, "Weights from model"),
}


@pytest.mark.parametrize("name", LOADED)
def test_it_loads(name: str, tmp_path: Path) -> None:
    content, note = LOADED[name]
    torch.save(content(), tmp_path / "net.pth")
    assert loaded(tmp_path / "net.pth") == note


def sharded(folder: Path, **change: Any) -> Path:
    keys = list(GOOD)
    parts = [keys[: len(keys) // 2], keys[len(keys) // 2 :]]
    names = [f"model-{number:05}-of-00002.safetensors" for number in (1, 2)]
    for part, name in zip(parts, names, strict=True):
        save_file({key: GOOD[key].clone() for key in part}, folder / name)
    index = {"weight_map": {key: name for part, name in zip(parts, names, strict=True) for key in part}} | change
    path = folder / "model.safetensors.index.json"
    path.write_text(json.dumps(index))
    return path


def test_several_files_are_read_by_their_index(tmp_path: Path) -> None:
    index = sharded(tmp_path)
    assert loaded(index) is None
    before = read_checkpoint(index).sha256
    shard = tmp_path / "model-00002-of-00002.safetensors"
    with pytest.raises(CheckpointError, match=r"one of 2 files.*--weights .*model\.safetensors\.index\.json"):
        read_checkpoint(shard)
    save_file({key: value + 1 for key, value in GOOD.items()}, shard)
    assert read_checkpoint(index).sha256 != before
    shard.unlink()
    with pytest.raises(CheckpointError, match=r"needs model-00002-of-00002\.safetensors beside it"):
        read_checkpoint(index)


@pytest.mark.parametrize(
    "named", [{"a": "../secret.safetensors"}, {"a": "/etc/passwd"}, {}, ["a"], {"a": 3}, {"a": []}]
)
def test_an_index_leads_to_no_other_folder(named: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="is not an index of weights"):
        read_checkpoint(sharded(tmp_path, weight_map=named))


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("net.pth", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer.*git lfs pull"),
        ("net.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer.*git lfs pull"),
        ("net.pth", b"<!DOCTYPE html><html>", "is a web page.*Fetch it again"),
        ("net.h5", b"\x89HDF\r\n\x1a\n" + bytes(64), "is an HDF5 file, as Keras writes it"),
        ("net.onnx", b"\x08\x08\x12\x07pytorch", "is an exported model.*that it was exported from"),
    ],
)
def test_another_kind_of_file_is_called_by_its_name(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=said):
        read_checkpoint(tmp_path / name)


def lines_of(error: CheckpointError) -> str:
    starts = ("    import", "    content", "    arrays", "    torch")
    return "\n".join(line[4:] for line in str(error).splitlines() if line.startswith(starts))


def test_the_lines_for_arrays_of_numpy_save_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import numpy as np

    monkeypatch.chdir(tmp_path)
    arrays: dict[str, Any] = {key: value.numpy() for key, value in GOOD.items()}
    np.savez(tmp_path / "net.npz", **arrays)
    with pytest.raises(CheckpointError, match=r"--weights net\.pth") as error:
        read_checkpoint(tmp_path / "net.npz")
    exec(lines_of(error.value), {})
    assert loaded(tmp_path / "net.pth") is None


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_the_lines_for_surplus_keys_save_the_others(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    key = next(iter(GOOD)).rpartition(".")[0]
    surplus = {"aux.weight": torch.ones(2), f"{key}.weight_fake_quant.scale": torch.ones(1)}
    content = {"module." + name: value.clone() for name, value in (GOOD | surplus).items()}
    path = tmp_path / f"net{suffix}"
    save_file(content, path) if suffix == ".safetensors" else torch.save({"state_dict": content}, path)
    with pytest.raises(CheckpointError, match=r"unexpected \(2\)(.|\n)*a head for training, observers") as error:
        load_weights(Classifier(5), read_checkpoint(path))
    exec(lines_of(error.value), {})
    assert "Prefix 'module.' removed" in str(loaded(tmp_path / "net_weights.pth"))


def test_what_is_missing_is_not_blamed_on_options(tmp_path: Path) -> None:
    def said(state: State) -> str:
        torch.save(state, tmp_path / "net.pth")
        with pytest.raises(CheckpointError) as error:
            load_weights(Classifier(5), read_checkpoint(tmp_path / "net.pth"))
        return str(error.value)

    weight = next(key for key, value in GOOD.items() if value.ndim > 1)
    lacking = {key: value for key, value in GOOD.items() if key != weight}
    assert "The file lacks these values" in said(lacking)
    assert "--width" not in said(lacking)
    assert "saved with weight norm" in said(lacking | {f"{weight}_g": torch.ones(1), f"{weight}_v": GOOD[weight]})
    assert "--width and --num-classes" in said(GOOD | {weight: torch.ones(3, 3, 3)})


def test_no_part_of_a_number_is_dropped(tmp_path: Path) -> None:
    torch.save(cast(torch.complex64), tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"w\.pth has complex numbers in .*Save the weights as real numbers"):
        loaded(tmp_path / "w.pth")
