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
    """The weights of a network in two files, with an index of them."""
    from safetensors.torch import save

    state = {key: value.clone() for key, value in network().state_dict().items()}
    names = {key: f"x-{1 + number % 2}.safetensors" for number, key in enumerate(state)}
    index = {"metadata": {"total_size": 8}, "weight_map": names}
    parts = {
        name: save({key: state[key] for key in state if names[key] == name}) for name in sorted(set(names.values()))
    }
    return [{"x.safetensors.index.json": json.dumps(index).encode(), **parts}]


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
    own = b"description = 'x'\nsource = 'folder'\ndomain = 'random'\ncount = 4\nheld_out = 2\nfolder = 'photos'\n"
    made_ = b"description = 'x'\nsource = 'random'\ndomain = 'random'\ncount = 4\nheld_out = 4\nseed = 1\n"
    given = b"description = 'x'\nsource = 'arrays'\ndomain = 'random'\ncount = 2\nheld_out = 1\nfile = 'x.npz'\n"
    photos = {f"photos/{number}.png": _png(number) for number in range(6)}
    return [{"x.toml": own, **photos}, {"x.toml": made_}, {"x.toml": given, **samples()[1]}]


def sweeps() -> list[Files]:
    """Sweep files, with paths beside them."""
    small = b"recipes = ['onnx_float32']\n[[model]]\nmodel = 'mobilenet_v2_ca'\n"
    large = (
        b"recipes = ['onnx_float32', 'tflite_static_wi8_ai8']\ncalibration = ['random', 'scikit_image']\n"
        b"devices = ['local', 'emulated:cortex-a76']\n[[model]]\nmodel = 'tests.zoo.tiny:tiny_trained'\n"
        b"input_size = [32, 48]\nmean = [0.5, 0.5, 0.5]\nstd = [1.0, 1, 1]\ninputs = [{ name = 'x', size = 32 }]\n"
        b"[[model]]\nmodel = 'mobilenet_v2_ca'\nlabels = 'labels.txt'\nname = 'other'\n[export]\nheld_out = 33\n"
        b"lowering = 'reference'\n[profile]\nprotocol = 'quick'\nthreads = [1]\n[evaluate]\ndata = 'labels.txt'\n"
    )
    return [{"x.toml": small}, {"x.toml": large, "labels.txt": b"a\nb\nc\nd\ne\n"}]


def sweep_records() -> list[Files]:
    from ca_deploy.records.parity import Status
    from ca_deploy.records.sweep import Cell
    from ca_deploy.sweeps.results import Results

    def write(place: Path) -> None:
        results = Results(place.parent)
        made_ = Cell("x.onnx", "export", Status.PASS, key="1", inputs={"weights": "1"}, figures={"sqnr_db": 40.0})
        results.keep(made_, {"x.onnx": b"1"})
        results.keep(Cell("x.onnx", "latency", Status.FAIL, on="adb", reason="it is lost"), {})

    return made(lambda folder: write(folder / "sweep.json"))


def _png(seed: int) -> bytes:
    from PIL import Image

    content = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (12, 9, 3), np.uint8)).save(content, "png")
    return content.getvalue()


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

    picture = Image.open(io.BytesIO(_png(0)))
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


def boxes() -> list[Files]:
    from tests.data.test_labelled_boxes import as_coco

    return made(as_coco)


def masks() -> list[Files]:
    """TOMLs of masks with colours and with values."""
    from PIL import Image

    values = np.array([[0, 1, 1, 0], [1, 1, 0, 255], [0, 0, 0, 1]], np.uint8)
    colours = np.where(values[..., None] == 255, 0, np.stack([values * 3, values * 7, values + 1], -1)).astype(np.uint8)
    files = {}
    for name, pixels in (("images/a.png", colours), ("pictures/a.png", colours), ("values/a.png", values)):
        content = io.BytesIO()
        Image.fromarray(pixels).save(content, "png")
        files[name] = content.getvalue()
    named = b"masks = 'pictures'\nignore = ['void']\n[colours]\ncat = [0, 0, 1]\ndog = [3, 7, 2]\nvoid = [0, 0, 0]\n"
    return [
        {"x.toml": named, **files},
        {"x.toml": b"images = 'images'\nmasks = 'values'\nignore = [255, 9]\n", **files},
    ]


def colour_tables() -> list[Files]:
    lists = (
        b"name,r,g,b\ncat,0,0,1\ndog,3,7,2\n",
        b"# label:color\ncat:0,0,1::\ndog:3,7,2::\n",
        b"0 0 1\tcat\n3 7 2\tdog\n",
    )
    return [{"x.colours": one} for one in lists]


BUNDLED = 1000  # bytes of each library in a bundle


def library_files() -> dict[str, bytes]:
    """A small stand-in for each runtime's library, by the name of the runtime."""
    from ca_deploy.native.libraries import LIBRARIES

    return {runtime: bytes([number]) * BUNDLED for number, runtime in enumerate(LIBRARIES)}


def bundles() -> list[Files]:
    from ca_deploy.native import bundle

    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for runtime, library in library_files().items():
            archive.writestr(bundle._member(runtime), library)
    return [{"x.zip": content.getvalue()}]


def probes() -> list[Files]:
    """What a phone and a small computer say of themselves, and of their conditions."""
    cores = "".join(
        f"cpuinfo=processor\t: {n}\ncpuinfo=Features\t: fp asimd\ncpuinfo=CPU part\t: 0xd0{n}\nmax_khz={n} 1800000\n"
        for n in range(4)
    )
    phone = "arch=aarch64\nkernel=Linux 4.14\nandroid=12\nandroid_model=samsung x\nabis=arm64-v8a,armeabi-v7a\n"
    board = 'arch=aarch64\nmodel=a board\nos="Debian"\nld=ld.so (Debian GLIBC 2.36) stable release version 2.36.\n'
    now = (
        "khz=0 1800000\ngovernor=0 schedutil\nzone=45123 cpu-thermal\nmemory=MemAvailable: 9 kB\nload=0.1 0.2\n"
        "throttled=0x50005\nbattery=AC powered: true\nbattery=level: 97\npower=mWakefulness=Awake\n"
        "thermal=Thermal Status: 0\n"
    )
    return [{"x.probe": (kind + cores + now).encode()} for kind in (phone, board)]


def lists_of_phones() -> list[Files]:
    phones = (
        "R58M123  device usb:1-2 product:x model:SM_G973F device:beyond1 transport_id:1\n"
        "adb-R58M123-a b (2)._adb-tls-connect._tcp  offline transport_id:2\nemulator-5554\tunauthorized\n"
    )
    return [{"x.list": f"* daemon started successfully\nList of devices attached\n{phones}\n".encode()}]


def answers() -> list[Files]:
    from ca_deploy.latency.runner_output import OperatorSamples, RunnerOutput, TensorOnDevice
    from ca_deploy.records.codec import to_json

    x = TensorOnDevice("x", "float32", (1, 3))
    answer = RunnerOutput("litert", "1.4.0", 1, 2, (3,), (4, 5), (6, 7), (8, 9), (1, 2), None, (x,), (x,), 100)
    operators = {"ops": [OperatorSamples("conv", "CONV_2D", (5, 6))]}
    one_line = (json.dumps(json.loads(to_json(content))) for content in (answer, operators))
    return [{"x.json": line.encode()} for line in one_line]
