"""Good files of every kind that ca-deploy reads, made in a moment: sets of files by name."""

import io
import json
import tempfile
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

Files = dict[str, bytes]


def made(*writers: Callable[[Path], object]) -> list[Files]:
    """What each writer writes into an empty folder."""
    found = []
    for write in writers:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder))
            files = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
            found.append({path.relative_to(folder).as_posix(): path.read_bytes() for path in files})
    return found


def models_onnx() -> list[Files]:
    from tests.latency.models import onnx_file

    return made(lambda folder: onnx_file(folder / "x.onnx", 8, 2))


def models_tflite() -> list[Files]:
    from tests.latency.models import tflite_file
    from tests.tflite_models import Model

    def small(folder: Path) -> None:
        model = Model()
        x = model.conv(model.input((1, 4, 4, 2)), (1, 4, 4, 2), 2, "features.0")
        model.add("HARD_SWISH", [x], (1, 4, 4, 2), name="features.0.act")
        model.save(folder / "x.tflite")

    return made(small, lambda folder: tflite_file(folder / "x.tflite", 4))


def packages() -> list[Files]:
    from tests.mil.test_package import write_package

    return made(*(lambda folder, op=op: write_package(folder / "x.mlpackage", op) for op in ("add", "mul")))


def programs() -> list[Files]:
    from tests.programs import hostile

    return made(lambda folder: (folder / "x.pt2").write_bytes(hostile.programs(folder)["plain"].read_bytes()))


@cache
def network() -> Any:
    from tests.zoo.tiny import tiny_trained

    return tiny_trained()


def checkpoints() -> list[Files]:
    import torch

    state = network().state_dict()
    return made(
        lambda folder: torch.save(state, folder / "x.pth"),
        lambda folder: torch.save({"model": state, "epoch": 3, "args": {"lr": 0.1}}, folder / "x.pth"),
        lambda folder: torch.save(state, folder / "x.pth", _use_new_zipfile_serialization=False),
    )


def safetensors() -> list[Files]:
    from ca_deploy.networks.checkpoint import save_checkpoint

    preprocessing = {"resize": 36, "crop": 32, "mean": [0, 0, 0], "std": [1, 1, 1]}
    about = {"labels": list("abcde"), "width": 1.0, "preprocessing": preprocessing}
    return made(lambda folder: save_checkpoint(network(), folder / "x.safetensors", about))


def shards() -> list[Files]:
    index = {
        "metadata": {"total_size": 8},
        "weight_map": {"a.weight": "x-1.safetensors", "b.weight": "x-2.safetensors"},
    }
    return [{"x.safetensors.index.json": json.dumps(index).encode()}]


def manifests() -> list[Files]:
    import hashlib

    from tests.latency.models import onnx_file

    model = made(lambda folder: onnx_file(folder / "x.onnx", 32, 5))[0]["x.onnx"]
    found = []
    for kept in sorted((Path(__file__).parents[1] / "records").glob("manifest_*onnx*.json")):
        content = json.loads(kept.read_text())
        content |= {"file": "x.onnx", "sha256": hashlib.sha256(model).hexdigest(), "size_bytes": len(model)}
        found.append({"x.onnx": model, "x.json": json.dumps(content).encode()})
    return found


def recipes() -> list[Files]:
    from ca_deploy.recipes import recipe_names
    from ca_deploy.shipped import data_folder

    names = recipe_names()
    return [{f"{name}.toml": data_folder("export_recipes").joinpath(f"{name}.toml").read_bytes()} for name in names]


def calibrations() -> list[Files]:
    own = b"description = 'x'\nsource = 'folder'\ndomain = 'random'\ncount = 4\nheld_out = 32\nfolder = 'photos'\n"
    made = b"description = 'x'\nsource = 'random'\ndomain = 'random'\ncount = 4\nheld_out = 4\nseed = 1\n"
    return [{"x.toml": own, "photos/a.png": b""}, {"x.toml": made}]


def reports() -> list[Files]:
    from ca_deploy.latency.statistics import summarise
    from ca_deploy.records.codec import to_json
    from ca_deploy.records.devices import Conditions, Core, DeviceInfo
    from ca_deploy.records.latency import SCHEMA_VERSION, Engine, LatencyReport, Measurement, ProcessStart
    from tests.latency.kit import SHORT

    times = tuple(range(1_000_000, 1_060_000, 1000))
    now = Conditions(1.0, (2_400_000,), ("performance",), 40.0, 0, load_1min=0.1)
    start = ProcessStart(1.0, 5, 6, (7,), times, times, times, times, 100, (now,))
    engine = Engine("c", "litert", "1.4.0", None, None, None)
    measured = Measurement("x.tflite", "x", "0" * 64, 100, 1, None, engine, (start,), summarise(times), None)
    device = DeviceInfo("a phone", "model", "Android", "aarch64", ("asimd",), (Core(0, "0xd0b", 2_400_000),))
    head = (SCHEMA_VERSION, "0.1.0", ("profile",), "2026-01-01", device, False, SHORT, 0, now, now)
    return [{"x.json": to_json(LatencyReport(*head, (measured,), (), {})).encode()}]


def samples() -> list[Files]:
    pixels = np.zeros((3, 8, 8, 3), np.uint8)

    def many(folder: Path) -> None:
        np.savez(folder / "x.npz", image=pixels, sha256=np.array(["a", "b", "c"]))

    return made(many, lambda folder: np.savez_compressed(folder / "x.npz", pixels=pixels))


def one_array() -> list[Files]:
    return made(lambda folder: np.save(folder / "x.npy", np.zeros((3, 8, 8, 3), np.uint8)))


def pictures() -> list[Files]:
    from PIL import Image

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (12, 9, 3), np.uint8))
    found = []
    for kind in ("png", "jpeg", "gif", "bmp", "tiff", "webp"):
        content = io.BytesIO()
        picture.save(content, kind)
        found.append({f"x.{kind}": content.getvalue()})
    deep = io.BytesIO()
    Image.fromarray(np.arange(108, dtype=np.uint16).reshape(12, 9)).save(deep, "png")
    return [*found, {"x.png": deep.getvalue()}]


def label_files() -> list[Files]:
    return [{"x.txt": "rose\ndaisy\nTüte\n".encode()}]


def bundles() -> list[Files]:
    from ca_deploy.native import bundle, libraries

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for runtime in libraries.LIBRARIES:
            archive.writestr(bundle._member(runtime), bytes(1000))
    return [{"x.zip": content.getvalue()}]


def answers() -> list[Files]:
    from ca_deploy.latency.runner_output import OperatorSamples, RunnerOutput, TensorOnDevice
    from ca_deploy.records.codec import to_json

    x = TensorOnDevice("x", "float32", (1, 3))
    answer = RunnerOutput("litert", "1.4.0", 1, 2, (3,), (4, 5), (6, 7), (8, 9), (1, 2), None, (x,), (x,), 100)
    operators = {"ops": [OperatorSamples("conv", "CONV_2D", (5, 6))]}
    one_line = (json.dumps(json.loads(to_json(content))) for content in (answer, operators))
    return [{"x.json": line.encode()} for line in one_line]
