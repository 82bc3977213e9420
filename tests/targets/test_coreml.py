"""Core ML packages, made by coremltools from a small network with Coordinate Attention."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ca_deploy import graphs
from ca_deploy.compat.check import check
from ca_deploy.errors import ArtifactError
from ca_deploy.mil.package import read_package
from ca_deploy.records.compat import CompatReport, Evidence, Finding, Verdict
from ca_deploy.targets._compute_plan import NEURAL_ENGINE, placed, preferred_devices

# coremltools and tensorflow clash in one process.
_MAKE = """
import coremltools as ct, sys, torch
from tests.zoo.tiny import tiny_trained
program = torch.export.export(tiny_trained().eval(), (torch.zeros(1, 3, 32, 32),)).run_decompositions({})
ct.convert(program, minimum_deployment_target=ct.target.iOS16).save(sys.argv[1])
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("coreml") / "tiny.mlpackage"
    subprocess.run([sys.executable, "-c", _MAKE, str(path)], check=True, capture_output=True)
    return path


def _only(path: Path, target: str) -> CompatReport:
    (report,) = check(path, [target])
    return report


def test_what_is_inside(package: Path) -> None:
    graph = graphs.read(package)
    operators = [node.operator for node in graph.nodes]
    assert operators.count("avg_pool") == 2 and "const" not in operators
    first = next(node for node in graph.nodes if node.operator == "conv")
    assert first.multiply_adds == 16 * 16 * 8 * 3 * 3 * 3
    assert first.attributes["strides"] == (2, 2)
    assert graph.version == 7


def test_its_own_ios_version_runs_it(package: Path) -> None:
    report = _only(package, "coreml")
    assert report.findings == () and report.partitions == 1
    assert any("iOS 16" in note for note in report.notes)
    assert any("hints" in note for note in report.notes)


def test_an_older_ios_refuses_it(package: Path) -> None:
    report = _only(package, "coreml:15")
    assert {f.verdict for f in report.findings} == {"unsupported"}
    assert "iOS 16" in report.findings[0].reason and "iOS15" in report.findings[0].remedy


def _changed(package: Path, tmp_path: Path, **types: str) -> Path:
    """A copy in which operations of one type are renamed to another."""
    path = tmp_path / package.name
    shutil.copytree(package, path)
    file = path / "Data" / "com.apple.CoreML" / "model.mlmodel"
    model = read_package(path).model
    for operation in model.mlProgram.functions[0].value.blocks[0].value.operations:
        operation.type = types.get(operation.type, operation.type)
    file.write_bytes(model.SerializeToString())
    return path


def test_what_the_neural_engine_lacks_is_a_hint(package: Path, tmp_path: Path) -> None:
    report = _only(_changed(package, tmp_path, reduce_mean="reduce_prod", add="scaled_dot_product_attention"), "coreml")
    found = {f.operator: f for f in report.findings}
    assert found["reduce_prod"].reason.startswith("hint") and found["reduce_prod"].verdict == "falls back"
    assert "18" in found["scaled_dot_product_attention"].reason


def test_core_mls_own_word_replaces_a_hint() -> None:
    reason = "hint: not on the Neural Engine"
    hint = Finding(0, "pooled", "", "reduce_prod", Verdict.FALLS_BACK, Evidence.RULE, "a guide", reason)
    taken = placed(hint, NEURAL_ENGINE)
    assert (taken.verdict, taken.evidence, taken.source, taken.reason) == (
        Verdict.ACCELERATED,
        Evidence.CHECKER,
        "MLComputePlan",
        "",
    )
    left = placed(taken, "the CPU")
    assert left.verdict == "falls back" and "the CPU" in left.reason


@pytest.mark.skipif(sys.platform == "darwin", reason="there is a Core ML here, and it answers")
def test_without_core_ml_nothing_is_placed(package: Path) -> None:
    assert preferred_devices(package) == {}


@pytest.mark.skipif(sys.platform != "darwin", reason="Core ML answers on a Mac only")
def test_core_ml_places_the_convolutions(package: Path) -> None:
    assert preferred_devices(package)


def test_control_flow(package: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"control flow \(cond\)"):
        graphs.read(_changed(package, tmp_path, reduce_mean="cond"))


def test_missing_weights_and_damage(package: Path, tmp_path: Path) -> None:
    path = _changed(package, tmp_path)
    shutil.rmtree(path / "Data" / "com.apple.CoreML" / "weights")
    with pytest.raises(ArtifactError, match=r"weight\.bin is missing"):
        graphs.read(path)
    file = path / "Data" / "com.apple.CoreML" / "model.mlmodel"
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(ArtifactError, match="damaged"):
        graphs.read(path)
