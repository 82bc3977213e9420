"""The folder of readers is the registry: what lies there is read, and nothing else has to name it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca_deploy import graphs
from ca_deploy.errors import ArtifactError
from ca_deploy.graphs import readers

_DESCRIPTION = """
from ca_deploy.graphs import Graph, Node
from ca_deploy.graphs.readers import Reader

READER = Reader(suffix=".toy", parser="ca_deploy.graphs.readers.toy:read")

def read(path):
    return Graph("toy", 1, (Node(0, "n", "", path.read_text(), (), ()),), (), (), ())
"""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A file of a format whose reader was just added to the folder."""
    folder = tmp_path / "added"
    folder.mkdir()
    (folder / "toy.py").write_text(_DESCRIPTION)
    monkeypatch.setattr(readers, "__path__", [*readers.__path__, str(folder)])
    readers.by_suffix.cache_clear()
    file = tmp_path / "model.toy"
    file.write_text("Relu")
    yield file
    sys.modules.pop("ca_deploy.graphs.readers.toy", None)
    readers.by_suffix.cache_clear()


def test_a_new_file_in_the_folder_is_a_new_format(toy: Path) -> None:
    assert [node.operator for node in graphs.read(toy).nodes] == ["Relu"]


def test_files_of_other_kinds_are_refused_by_the_suffixes_of_the_folder(toy: Path) -> None:
    with pytest.raises(ArtifactError, match=r"reads \.mlpackage, \.onnx, \.pt2, \.tflite, \.toy"):
        graphs.check_place(toy.with_suffix(".h5"))


@pytest.mark.parametrize("suffix", [".tflite", ".onnx", ".mlpackage", ".pt2"])
def test_every_reader_finds_its_parser(suffix: str, tmp_path: Path) -> None:
    with pytest.raises((ArtifactError, OSError)):
        readers.by_suffix()[suffix].parse(tmp_path / f"model{suffix}")


def test_asking_for_suffixes_imports_no_parser() -> None:
    code = (
        "import sys; from ca_deploy.graphs.readers import by_suffix; by_suffix(); "
        "print({'numpy', 'onnx', 'torch', 'ai_edge_litert'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
