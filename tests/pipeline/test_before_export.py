"""Checks of networks that nobody has exported, and checks that an export takes along."""

import json
from pathlib import Path

from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.records.manifest import manifest_of

TINY = ["tests.zoo.tiny:tiny_ca", "--input-size", "32"]


def test_a_network_is_checked_before_it_is_exported() -> None:
    done = CliRunner().invoke(
        app, ["check", "--before", *TINY, "--target", "ort_xnnpack", "--target", "executorch_xnnpack", "--json"]
    )
    assert done.exit_code == 1, done.output
    records = {record["target"]: record for record in json.loads(done.stdout)}
    modules = {f["module"] for f in records["executorch_xnnpack"]["findings"]}
    assert {"block.attention.pool_h", "block.attention.pool_w"} <= modules
    operators = {f["operator"] for f in records["ort_xnnpack"]["findings"]}
    assert {"Sigmoid", "Mul", "Add"} <= operators
    assert all(f["source"] and f["reason"] for record in records.values() for f in record["findings"])


def test_targets_that_nothing_can_be_made_for() -> None:
    done = CliRunner().invoke(app, ["check", "--before", *TINY, "--target", "executorch_xnnpack", "--int8"])
    assert done.exit_code == 2 and "executorch_xnnpack" in done.output


def test_findings_go_into_the_manifest(tmp_path: Path) -> None:
    export = ["export", *TINY, "--format", "onnx", "--output", str(tmp_path)]
    done = CliRunner().invoke(app, [*export, "--check", "ort_cpu", "--check", "ort_xnnpack", "--random-weights"])
    assert "on ort_xnnpack: breaks into" in done.output, done.output
    manifest = manifest_of(tmp_path / "tiny_ca.onnx_float32.onnx")
    assert manifest is not None
    plain, xnnpack = manifest.compatibility
    assert (plain.target, plain.findings) == ("ort_cpu", ())
    assert xnnpack.accelerated_nodes < xnnpack.nodes
    assert "block.attention" in {finding.module for finding in xnnpack.findings}


def test_an_export_refuses_targets_that_would_see_nothing(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["export", *TINY, "--format", "onnx", "--check", "xnnpack", "--output", str(tmp_path), "--random-weights"]
    )
    assert done.exit_code == 2 and ".tflite" in done.output
