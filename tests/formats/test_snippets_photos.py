"""Written Python and compiled Kotlin make of odd photos, turned by EXIF, the tensor of ca-deploy's own comparison."""

import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ca_deploy.records.tensors import TensorSpec
from tests import kotlin
from tests.formats.inputs import manifest_of, spec
from tests.formats.odd import OddCase, faults, odd_cases
from tests.formats.photos import OddPhoto, odd_photos
from tests.hostile import snippet


def taken_by(case: OddCase) -> tuple[str, TensorSpec]:
    """A recipe, and what its file takes: float32 in either layout."""
    given = case.preprocessing
    if given.value_range == 1:
        return "onnx_float32", spec(given, "float32", "NCHW")
    return "tflite_float32", spec(given, "float32", "NHWC")


def written(case: OddCase, suffix: str) -> str:
    recipe, taken = taken_by(case)
    return snippet(manifest_of(recipe, case.preprocessing, taken), suffix)


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[OddCase]:
    return odd_cases(odd_photos(tmp_path_factory.mktemp("photos")))


@pytest.fixture(scope="module")
def compiled(cases: list[OddCase], tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], bytes]:
    """Name of the case and of the photo -> the bytes that the runtime got, from the photo's stream on."""
    folder = tmp_path_factory.mktemp("kotlin")
    for photo in {photo.name: photo for case in cases for photo in case.photos}.values():
        (folder / photo.name).write_bytes(photo.for_stubs)
    sources = {f"{case.name}.kt": f"package {case.name}\n{written(case, '.kt')}" for case in cases}
    calls = [
        f'report.reportInput("{case.name} {photo.name}", {case.name}.openPhoto(report.stream("{photo.name}"))) '
        f"{{ app, photo -> {case.name}.Classifier(app).run(photo) }}"
        for case in cases
        for photo in case.photos
    ]
    sources["main.kt"] = "fun main() {\n" + "\n".join(calls) + "\n}\n"
    lines = (line.split(" ") for line in kotlin.compile_and_run(sources, folder))
    return {(case, photo): bytes.fromhex(content) for case, photo, _, content in lines}


def test_the_photos_are_odd_enough(cases: list[OddCase]) -> None:
    photos = {photo.name: photo for case in cases for photo in case.photos}
    assert len(photos) >= 10
    assert {photo.orientation for photo in photos.values()} == set(range(1, 9))


def test_compiled_kotlin(cases: list[OddCase], compiled: dict[tuple[str, str], bytes]) -> None:
    wrong = []
    for case in cases:
        _, taken = taken_by(case)

        def found(photo: OddPhoto, case: OddCase = case, taken: TensorSpec = taken) -> NDArray[Any]:
            return np.frombuffer(compiled[case.name, photo.name], np.float32).reshape(taken.shape)

        wrong += faults(case, taken, found)
    assert wrong == []


def test_written_python(cases: list[OddCase], tmp_path: Path) -> None:
    wrong = []
    for case in cases:
        _, taken = taken_by(case)
        (tmp_path / "net.py").write_text(written(case, ".py"), encoding="utf-8")
        preprocess = runpy.run_path(str(tmp_path / "net.py"))["preprocess"]
        same = [preprocess(str(one.path)).tobytes() == case.wanted(one, taken).tobytes() for one in case.photos]
        wrong += [case.name] if not all(same) else []
    assert wrong == []


@pytest.mark.parametrize("seen_upright", range(1, 9))
def test_a_wrong_pixel_would_be_seen(seen_upright: int, tmp_path: Path) -> None:
    """None of the photos looks the same turned in another way, so that one that is not turned fails."""
    for photo in odd_photos(tmp_path):
        turned = OddPhoto(photo.path, seen_upright).for_stubs
        assert (turned == photo.for_stubs) == (seen_upright == photo.orientation)
