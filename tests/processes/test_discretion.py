"""Nothing phones home: each verb in a network namespace of its own, under strace, with the caches filled before.

No name is looked up, nothing is sent beyond this machine, and no file is written outside of the output folder,
the cache and the folder for temporary files.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from PIL import Image

from ca_deploy.cache import cache_folder
from ca_deploy.native import emulator
from ca_deploy.native.libraries import library_path
from tests.latency.models import onnx_file
from tests.system_tools import program, unavailable

ROOT = Path(__file__).parents[2]
TINY = ["tests.zoo.tiny:tiny_trained", "--input-size", "32"]
_FILES = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat"
_NETWORK = "connect,sendto,sendmsg,sendmmsg"
_SEEN = re.compile(r"^\d+ +(\w+)\((.*)\) += +(-?\d+)")
_INTERRUPTED = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
_OUR_SETTINGS = (
    "ORT_DISABLE_TELEMETRY",
    "MPLCONFIGDIR",
    "KERAS_HOME",
    "TORCHINDUCTOR_CACHE_DIR",
    "XDG_CACHE_HOME",
)  # set by this process
# Python compiles modules beside them, once; processes of one run talk through shared memory.
_ELSEWHERE = re.compile(r"/__pycache__(/|$)|^/dev/(null|shm/|tty$|pts/)|^/proc/self/|^(socket|pipe|anon_inode|memfd):")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new user's home, beside the output folder ``out`` and ``tmp``, the one for temporary files."""
    folder = tmp_path_factory.mktemp("user")
    for name in ("home", "out", "tmp"):
        (folder / name).mkdir()
    if reason := emulator.missing():
        unavailable(reason)
    library_path("litert"), library_path("onnxruntime"), emulator.plugin()
    emulator.qemu_command(emulator.PROCESSORS["cortex-a76"], emulator.sysroot(emulator.PROCESSORS["cortex-a76"]))
    return folder


def complaints(arguments: Sequence[str | Path], home: Path, codes: Sequence[int] = (0,)) -> list[str]:
    """Run the command; returns what it sent, and what it wrote where it should not."""
    trace = home / "trace"
    inherited = {name: value for name, value in os.environ.items() if name not in _OUR_SETTINGS}
    ours = {"HOME": home / "home", "TMPDIR": home / "tmp", "CA_DEPLOY_CACHE": cache_folder(), "PYTHONPATH": ROOT}
    strace = [*program("strace", ["strace"]), "-f", "-y", "-qq", "--seccomp-bpf", "-s", "512", "-o", str(trace)]
    alone = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    argv = [*alone, *strace, "-e", f"trace={_NETWORK},{_FILES}"]
    argv += [sys.executable, "-P", "-m", "ca_deploy.cli", *map(str, arguments)]
    environment = {**inherited, **{name: str(value) for name, value in ours.items()}}
    done = subprocess.run(argv, cwd=home / "out", env=environment, capture_output=True, text=True)
    assert done.returncode in codes, done.stderr
    assert not list((home / "tmp").iterdir())
    lines = list(_whole_calls(trace))
    assert any("ca_deploy" in line for line in lines)  # strace saw the command at work
    return [line for line in lines if (seen := _SEEN.match(line)) and _is_wrong(seen[1], seen[2], seen[3], home)]


def _whole_calls(trace: Path) -> Iterator[str]:
    """strace breaks a call in two where another process comes in between."""
    begun: dict[str, str] = {}
    for line in trace.read_text(errors="replace").splitlines():
        if found := _INTERRUPTED.match(line):
            begun[found[1]] = line.removesuffix(" <unfinished ...>")
        elif found := _RESUMED.match(line):
            yield begun.pop(found[1], "") + found[2]
        else:
            yield line
    yield from (f"{line}) = 0" for line in begun.values())


def _is_wrong(call: str, arguments: str, result: str, home: Path) -> bool:
    if call in _NETWORK.split(","):
        return "AF_INET" in arguments and not re.search(r'"127\.|"::1"', arguments)
    if int(result) < 0 or (call.startswith("open") and not re.search(r"O_WRONLY|O_RDWR|O_CREAT", arguments)):
        return False
    folder, name = re.findall(r'(?:<([^>]*)>, )?"((?:[^"\\]|\\.)*)"', arguments)[-1]
    place = Path(folder, name)
    allowed = (home / "out", home / "tmp", cache_folder())
    return not _ELSEWHERE.search(str(place)) and not any(place.is_relative_to(other) for other in allowed)


def test_strace_and_the_namespace_see_a_telephone_and_a_stray_file(home: Path) -> None:
    """Otherwise the tests below would prove nothing."""
    assert _is_wrong(
        "connect", '3<UDP:[1]>, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("10.0.0.1")}, 16', "-1", home
    )
    assert _is_wrong("openat", f'AT_FDCWD<{home}/home>, ".device", O_RDWR|O_CREAT, 0666', "3", home)
    assert not _is_wrong("openat", f'AT_FDCWD<{home}/out>, "model.onnx", O_WRONLY|O_CREAT, 0666', "3", home)


def test_export_evaluate_parity_check_and_profile_are_discreet(home: Path) -> None:
    options = ["--int8", "--check", "xnnpack", "--check", "ort_cpu"]
    options += [f"--format={name}" for name in ("onnx", "tflite", "coreml")]
    assert not complaints(["export", *TINY, *options, "--output", home / "out"], home)
    models = [
        home / "out" / f"tiny_trained.{name}" for name in ("onnx_static_wi8_ai8.onnx", "tflite_static_wi8_ai8.tflite")
    ]
    photos = home / "photos" / "daisy"
    photos.mkdir(parents=True)
    Image.new("RGB", (40, 50), "white").save(photos / "white.png")
    against = ["--against", "tests.zoo.tiny:tiny_trained"]
    for model in models:
        assert not complaints(["parity", model, *against], home)
        assert not complaints(["check", model], home, codes=(0, 1))
    (home / "labels.txt").write_text("daisy\nroses\ntulips\nsunflowers\ndandelion\n")
    data: list[str | Path] = ["--data", photos.parent, "--labels", home / "labels.txt"]
    assert not complaints(["evaluate", *against[1:], *TINY[1:], *data], home)
    brief = ["--runs", "2", "--min-seconds", "0", "--starts", "1"]
    measured: list[str | Path] = ["profile", *models, "--verify", "--ops", "--output", home / "out/latency", *brief]
    assert not complaints(
        measured, home, codes=(0, 1)
    )  # 1: without VNNI, the INT8 ONNX file's default answers are different
    assert not complaints(["profile", *models, "--device", "emulated:cortex-a76", "--verify"], home)
    assert not complaints(["profile", "--compare", *[home / "out/latency/latency.json"] * 2], home)


def test_the_other_verbs_are_discreet(home: Path) -> None:
    assert not complaints(["distill", *TINY, "--count", "33", "--output", home / "out/distilled"], home)
    assert not complaints(["check", "--before", *TINY, "--target", "xnnpack"], home, codes=(0, 1))
    Image.new("RGB", (40, 50), "white").save(home / "white.png")
    assert not complaints(["predict", *TINY, home / "white.png", "--output", home / "out" / "seen.png"], home)
    assert not complaints(["doctor"], home, codes=(0, 1))
    for what in ("models", "formats", "recipes", "calibrations", "targets", "devices"):
        assert not complaints(["list", what], home)


def test_a_sweep_talks_to_this_machine_only(home: Path) -> None:
    sweep = home / "SWEEP.toml"
    sweep.write_text(f'recipes = ["onnx_float32"]\n[[model]]\nmodel = "{TINY[0]}"\ninput_size = 32\n')
    assert not complaints(["sweep", sweep, "--output", home / "out" / "swept", "--workers", "2"], home)


def test_what_is_fetched_is_said_with_its_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """pip is kept from fetching: the message comes before."""
    environment = {
        **os.environ,
        "CA_DEPLOY_CACHE": str(tmp_path / "cache"),
        "PIP_NO_INDEX": "1",
        "PYTHONPATH": str(ROOT),
    }
    model = onnx_file(tmp_path / "model.onnx")
    argv = [sys.executable, "-P", "-m", "ca_deploy.cli", "profile", str(model), "--device", "emulated:cortex-a76"]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    line = rf"^\[ *\d+\.\d s\] Fetching onnxruntime==\S+ for \S+ by pip into the cache {tmp_path}/cache$"
    assert re.search(line, done.stderr, re.MULTILINE)
