"""A torch.export program as a graph: read without running anything of the file."""

from pathlib import Path

import pytest
import torch

from ca_deploy.errors import ArtifactError
from ca_deploy.graphs import pt2
from tests.programs import hostile
from tests.zoo.tiny import tiny_trained


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("program") / "net.pt2"
    torch.export.save(torch.export.export(tiny_trained().eval(), (torch.ones(1, 3, 32, 32),)), path)
    return path


def test_a_program_is_read_as_core_aten(program: Path) -> None:
    graph = pt2.read(program)
    assert {"convolution", "hardtanh", "mean"} <= {node.operator for node in graph.nodes}
    assert graph.tensors[graph.inputs[0]].shape == (1, 3, 32, 32)


def test_a_program_that_takes_a_text_beside_its_tensors(tmp_path: Path) -> None:
    graph = pt2.read(hostile.programs(tmp_path)["with_text"])
    assert [graph.tensors[place].name for place in graph.inputs] == ["x", "more_image"]
    assert [node.operator for node in graph.nodes] == ["add"]


def test_a_program_that_would_run_code_is_refused(program: Path, tmp_path: Path) -> None:
    content, canary = hostile.members(program), tmp_path / "canary"
    content[hostile.INPUTS] = hostile.pickled(canary)
    with pytest.raises(ArtifactError, match=r"example inputs in data/sample_inputs/model\.pt"):
        pt2.read(hostile.write(tmp_path / "net.pt2", content))
    assert not canary.exists()


def test_a_damaged_program_is_explained(program: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pt2").write_bytes(program.read_bytes()[:5000])
    with pytest.raises(ArtifactError, match=r"cut\.pt2 cannot be read as a torch\.export program"):
        pt2.read(tmp_path / "cut.pt2")
