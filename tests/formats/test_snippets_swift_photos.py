"""Written Swift, compiled with stubs of Apple's frameworks, makes the same tensors as ca-deploy's own comparison."""

import base64
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from ca_deploy.records.tensors import TensorSpec
from tests import swift
from tests.formats.inputs import manifest_of, spec
from tests.formats.odd import OddCase, faults, odd_cases
from tests.formats.photos import OddPhoto, odd_photos
from tests.formats.several import SWIFT, batch_of, fed, several, state, tokens
from tests.hostile import snippet

Fed = dict[tuple[str, str, str], NDArray[Any]]


def photo(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8))


def taken_by(case: OddCase) -> TensorSpec:
    """float32, or raw pixels of a picture."""
    if case.name.endswith("_picture"):
        return spec(case.preprocessing, "uint8", "NHWC")
    return spec(case.preprocessing, "float32", "NCHW")


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[OddCase]:
    """Every case as a tensor, and some as a picture, which has three channels or one."""
    tensors = odd_cases(odd_photos(tmp_path_factory.mktemp("photos")))
    pictures = (case for case in tensors if case.name in ("crop_RGB_1", "stretch_BGR_1", "letterbox_grey_1"))
    return [*tensors, *(replace(case, name=f"{case.name}_picture") for case in pictures)]


@pytest.fixture(scope="module")
def printed(cases: list[OddCase], tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("swift")
    (folder / "net.mlmodelc").mkdir()
    for one in {one.name: one for case in cases for one in case.photos}.values():
        (folder / one.name).write_bytes(one.for_stubs)
    for name, image in {"image": photo(8, 6), "mask": photo(4, 5)}.items():
        image.save(folder / f"{name}.png")
        (folder / name).write_bytes(OddPhoto(folder / f"{name}.png", 1).for_stubs)
    sources, calls = {}, []
    for case in cases:
        sources[case.name] = snippet(manifest_of("coreml_float32", case.preprocessing, taken_by(case)), ".swift")
        for one in case.photos:
            run = f"{case.name}.Classifier().run({case.name}.openPhoto(file({one.name!r})))".replace("'", '"')
            calls.append(f'print("case", "{case.name}", "{one.name}")\nprint("gave", try {run})')
    for name, kind in SWIFT.items():
        given = several(kind)
        sources[name] = snippet(given, ".swift")
        many = batch_of(given) > 1
        arguments = ", ".join(
            (
                f"image: {_several(many, name, 'image', batch_of(given))}",
                f"state: {state(given).ravel().tolist()}",
                f"mask: {_several(many, name, 'mask', batch_of(given))}",
                f"tokens: {tokens(given).ravel().tolist()}",
            )
        )
        calls.append(f'print("case", "{name}", "several")\nlet given_{name} = try {name}.Network().run({arguments})')
        calls.append(f'print("gave", given_{name}.logits)\nprint("gave", given_{name}.classes)')
    imports = "\n".join(f"@testable import {name}" for name in sources)
    place = f'URL(fileURLWithPath: "{swift.SEEN_AS}/" + name)'
    read = f"func file(_ name: String) throws -> Data {{ try Data(contentsOf: {place}) }}"
    main = "\n".join(("import Foundation", imports, read, *calls, ""))
    return swift.compile_and_run(sources, main, folder)


def _several(many: bool, module: str, name: str, batch: int) -> str:
    opened = f'{module}.openPhoto(file("{name}"))'
    return f"(0..<{batch}).map {{ _ in try {opened} }}" if many else opened


@pytest.fixture(scope="module")
def seen(printed: list[str]) -> Fed:
    """Name of the case, of the photo and of the input -> the bytes that Core ML got."""
    found: Fed = {}
    for line in printed:
        kind, *rest = line.split(" ")
        if kind == "case":
            place = rest
        elif kind == "fed":
            name, shape, content = rest
            sides = [int(side) for side in shape.split("x")]
            found[place[0], place[1], name] = np.frombuffer(base64.b64decode(content), np.uint8).reshape(-1)
            found[place[0], place[1], f"{name} shape"] = np.array(sides)
    return found


def test_odd_photos(cases: list[OddCase], seen: Fed) -> None:
    wrong = []
    for case in cases:
        taken = taken_by(case)

        def found(photo: OddPhoto, case: OddCase = case, taken: TensorSpec = taken) -> NDArray[Any]:
            content = seen[case.name, photo.name, "image"]
            if taken.normalised:
                return content.view(np.float32).reshape(taken.shape)
            picture = content.reshape(seen[case.name, photo.name, "image shape"])
            return picture[None] if picture.shape[-1] == 1 else picture[None, ..., 2::-1]

        wrong += faults(case, taken, lambda one: np.ascontiguousarray(found(one)))
    assert wrong == []


@pytest.mark.parametrize("name", SWIFT)
def test_several_inputs(seen: Fed, name: str) -> None:
    for input_name, array in fed(several(SWIFT[name]), photo).items():
        assert seen[name, "several", f"{input_name} shape"].tolist() == list(array.shape)
        assert seen[name, "several", input_name].tobytes() == array.tobytes()


def test_outputs_in_padded_rows_come_back_flat(printed: list[str]) -> None:
    gave = {line for line in printed if line.startswith("gave ")}
    assert gave == {"gave [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]", "gave [0, 1, 2, 3, 4, 5]"}
