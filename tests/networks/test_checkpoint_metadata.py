"""What travels with a checkpoint: taken where its types are right, refused with the entry's name where they are not."""

import json
from pathlib import Path

import pytest
from safetensors.torch import save_file

from ca_deploy.errors import CheckpointError
from ca_deploy.networks.checkpoint import read_checkpoint
from ca_deploy.networks.checkpoint_metadata import parse
from tests.zoo.tiny import tiny_ca

PATH = Path("net.safetensors")


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"labels": ["daisy", "Löwenzahn"], "width": 0.5, "author": "us", "licence": "MIT", "more": [None]},
        {"preprocessing": {"resize": 256, "crop": 224}},
        {"preprocessing": {"resize": 256, "crop": 224, "mean": [0, 0.5, 1.0], "std": [1, 1, 1]}},
        {"preprocessing": {"resize": 360, "crop": [360, 480], "fit": "stretch"}},
        {"preprocessing": {}, "labels": []},
    ],
)
def test_what_save_checkpoint_writes_is_taken(metadata: dict[str, object]) -> None:
    assert parse(json.dumps(metadata), PATH) == metadata


def test_an_entry_of_null_counts_as_missing() -> None:
    assert parse('{"labels": null, "width": null, "preprocessing": null}', PATH) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not JSON"),
        ("[" * 100_000, "not JSON, it is nested too deeply"),
        ('{"labels": ' + "[" * 100_000 + "]" * 100_000 + "}", "not JSON, it is nested too deeply"),
        ("1" * 5000, "not JSON"),
        ("5", r"not a dictionary \(5\)"),
        ("null", "not a dictionary"),
        ('"x"', "not a dictionary"),
        ('{"labels": 5}', r"labels is not a list of names \(5\)"),
        ('{"labels": "abc"}', "labels is not"),
        ('{"labels": [1, 2]}', "labels is not"),
        ('{"labels": [null]}', "labels is not"),
        ('{"width": "wide"}', "width is not a positive number"),
        ('{"width": true}', "width is not"),
        ('{"width": NaN}', "width is not"),
        ('{"width": -1}', "width is not"),
        ('{"width": 1' + "0" * 400 + "}", "width is not"),
        ('{"preprocessing": []}', "preprocessing is not resize and crop"),
        ('{"preprocessing": {"crop": 32}}', "preprocessing is not"),
        ('{"preprocessing": {"crop": "a", "resize": 3}}', "preprocessing is not"),
        ('{"preprocessing": {"crop": [3], "resize": 3}}', "preprocessing is not"),
        ('{"preprocessing": {"crop": 3, "resize": 3, "fit": ["crop"]}}', "preprocessing is not"),
        ('{"preprocessing": {"crop": 0, "resize": 3}}', "preprocessing is not"),
        ('{"preprocessing": {"crop": 3, "resize": 3, "mean": [1, 2]}}', "preprocessing is not"),
        ('{"preprocessing": {"crop": 3, "resize": 3, "std": 1}}', "preprocessing is not"),
        ('{"preprocessing": {"crop": 3, "resize": 3, "std": [1, 2, NaN]}}', "preprocessing is not"),
        ('{"author": ["us"]}', "author is not a string"),
        ('{"licence": 1}', "licence is not a string"),
    ],
)
def test_metadata_that_lies_is_named(text: str, said: str) -> None:
    with pytest.raises(CheckpointError, match=rf"net\.safetensors has metadata .*{said}"):
        parse(text, PATH)


def test_a_file_with_such_metadata_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    save_file(tiny_ca().state_dict(), path, metadata={"ca_deploy": "5"})
    with pytest.raises(CheckpointError, match="not a dictionary"):
        read_checkpoint(path)
