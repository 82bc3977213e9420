"""Models that others published, from packages: float16 and sparse weights, custom operators, old opsets."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ca_deploy import graphs
from ca_deploy.compat.check import check
from tests.system_tools import unavailable

_PACKAGES = {
    "mediapipe==0.10.14": ["--python-version", "3.11", "--platform", "manylinux2014_x86_64", "--abi", "cp311"],
    "rapidocr==3.10.0": [],
}


@pytest.fixture(scope="session")
def published(request: pytest.FixtureRequest) -> dict[str, Path]:
    """File name -> place, unpacked once into pytest's cache."""
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("published_models")
    for package, platform in _PACKAGES.items():
        name = package.partition("=")[0]
        if list(folder.glob(f"{name}-*.whl")):
            continue
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
        done = subprocess.run([*command, *platform, "--dest", str(folder), package], capture_output=True, text=True)
        if done.returncode:
            unavailable(f"{package} cannot be downloaded: {done.stderr.strip().splitlines()[-1][:200]}")
    found = {}
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.namelist():
                if member.endswith((".tflite", ".onnx")):
                    place = folder / Path(member).name
                    if not place.is_file():
                        place.write_bytes(archive.read(member))
                    found[place.name] = place
    return found


def test_all_are_read(published: dict[str, Path]) -> None:
    assert len([name for name in published if name.endswith(".tflite")]) >= 14
    assert len([name for name in published if name.endswith(".onnx")]) >= 3
    for path in published.values():
        graph = graphs.read(path)
        assert len(graph.nodes) > 50
        assert all(0 <= i < len(graph.tensors) for node in graph.nodes for i in node.outputs)
        if path.suffix == ".tflite":
            assert graph.multiply_adds > 5_000_000


@pytest.mark.parametrize(
    "name", ["selfie_segmentation.tflite", "face_detection_full_range_sparse.tflite", "hand_landmark_full.tflite"]
)
def test_partitions_are_predicted_from_single_nodes(published: dict[str, Path], name: str) -> None:
    """Weights that are unpacked at load time (float16, sparse) belong to whoever reads them."""
    (report,) = check(published[name], ["xnnpack"])
    assert report.partitions == report.measured_partitions == 1
    assert report.findings == ()


def test_custom_operators_are_named(published: dict[str, Path]) -> None:
    reports = check(published["face_landmark_with_attention.tflite"])
    names = {"TransformLandmarks", "Landmarks2TransformMatrix", "TransformTensorBilinear"}
    for report in reports:
        assert not report.skipped
        assert names <= {f.operator for f in report.findings if f.verdict == "unsupported"}, report.target


def test_old_opsets_on_every_target(published: dict[str, Path]) -> None:
    for name in ("ch_ppocr_mobile_v2.0_cls_mobile.onnx", "PP-OCRv6_det_small.onnx"):
        reports = {report.target: report for report in check(published[name])}
        assert not any(report.skipped for report in reports.values())
        assert reports["ort_cpu"].findings == ()
        assert "dynamic shape" in reports["ort_nnapi"].findings[0].reason
