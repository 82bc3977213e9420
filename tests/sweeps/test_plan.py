"""SWEEP.toml: all errors at once, before anything runs; and which conversions it asks for."""

import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from ca_deploy.cli import app
from tests.sweeps.kit import OTHER, TINY, plan_of, refused, sweep_file


def test_all_errors_are_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "SWEEP.toml"
    path.write_text(
        """
recipes = ["onnx_float32", "onnx_static_wi8_ai9"]
calibration = ["flowers", "no/such/folder"]
devices = ["emulated:cortex-a99", "phone"]
colour = "red"

[[model]]
model = "mobilnet_v2_ca"

[[model]]
wieghts = "my.pth"
width = "wide"

[[model]]
model = "mobilenet_v2_ca"
weights = "none.pth"

[export]
batch = 0
check = ["xnnpak"]

[profile]
protocol = "hasty"

[evaluate]
data = "photos/val"
"""
    )
    refused(
        path,
        "has 15 error",
        "recipes.1: Unknown recipe 'onnx_static_wi8_ai9'. Did you mean 'onnx_static_wi8_ai8'",
        "calibration.0: Unknown calibration set 'flowers'",
        "calibration.1: .*does not exist",
        "devices.0: Unknown emulated processor",
        "devices.1: Unknown device 'phone'",
        "colour: unknown key",
        "model.0: .*mobilenet_v2_ca",
        "model: two are called mobilenet_v2_ca",
        "model.1.wieghts: unknown key. Did you mean 'weights'",
        "model.1.width: .*a number",
        f"model.2: Checkpoint {tmp_path}/none.pth does not exist",
        "export.batch: ",
        "export.check.0: Unknown target 'xnnpak'. Did you mean 'xnnpack'",
        "evaluate.data: .*photos/val does not exist",
        "profile.protocol: Unknown protocol 'hasty'",
    )


@pytest.mark.parametrize(
    "key",
    [
        *("mean = [1, 2]", "mean = []", 'mean = ["a"]', "mean = 1979-05-27", "padding = []", "input_size = []"),
        *("crop = [1]", 'crop = ["a"]', "inputs = [1]", "inputs = [{}]", "model = []", "model = [[1]]", "name = {}"),
    ],
)
def test_a_list_of_the_wrong_shape_hides_no_other_error(key: str, tmp_path: Path) -> None:
    path = tmp_path / "SWEEP.toml"
    other = "" if key.startswith(("model", "name")) else 'weights = "gone.pth"\n'
    path.write_text(f'recipes = ["onnx_float31", 7]\n[[model]]\n{key}\n{other}[[model]]\n{key}\nmodel = "gone.pt2"\n')
    if key.startswith("model"):
        path.write_text(path.read_text().replace('model = "gone.pt2"', ""))
    refused(path, rf"model\.0\.{key.split()[0]}.*: ", r"model\.1", "recipes.0: Unknown", "recipes.1: 7 is not possible")
    said = CliRunner().invoke(app, ["sweep", str(path), "-o", str(tmp_path / "out")]).output
    assert "gone.pth does not exist" in said or not other
    assert "'-'" not in said
    assert "called" not in said
    assert "uple" not in said


def test_a_wrong_key_hides_no_other_error_of_its_table(tmp_path: Path) -> None:
    path = tmp_path / "SWEEP.toml"
    path.write_text(
        """
recipes = ["onnx_float32", "onnx_float32", 7]

[[model]]
model = "no_such_module:network"

[[model]]
input_size = "big"
labels = "gone.txt"

[profile]
threads = [0, "x"]
protocol = "hasty"
"""
    )
    refused(
        path,
        "has 9 error",
        "recipes.2: 7",
        "recipes: two are called onnx_float32",
        "model.0: Cannot import 'no_such_module'",
        "model.1.input_size: 'big' is not possible: it has to be a whole number or a list.",
        "model.1: --labels .*gone.txt cannot be read",
        "profile.threads.0: 0",
        "profile.threads.1: 'x'",
        "profile.protocol: Unknown protocol 'hasty'",
        "profile: no device is to measure",
    )


def test_no_error_of_a_model_hides_another(tmp_path: Path) -> None:
    """Nothing of a factory runs: its files are read."""
    path = tmp_path / "SWEEP.toml"
    path.write_text(
        """
recipes = ["onnx_float32"]
devices = ["emulated:cortex-a76"]

[[model]]
model = "tests.zoo.tiny:nofactory"
weights = "gone.pth"
labels = "gone.txt"
input_size = 0
std = [1, 0, 1]

[[model]]
model = "tests.zoo.gone:network"
input_size = [-3, 8]
mean = [nan, 0, 0]

[[model]]
model = "tests.zoo.tiny:"
input_size = 65000

[profile]
protocol = "sustained"
threads = [1, 1]
"""
    )
    refused(
        path,
        "has 12 error",
        "model.0: Module 'tests.zoo.tiny' has no 'nofactory'",
        "model.0: Checkpoint .*gone.pth does not exist",
        "model.0: --labels .*gone.txt cannot be read",
        "model.0: --input-size 0 is not possible",
        "model.0: --mean and --std are",
        "model.1: Cannot import 'tests.zoo.gone' .*No module named 'tests.zoo.gone'",
        "model.1: --input-size -3x8 is not possible",
        "model.1: --mean and --std are",
        "model.2: Module 'tests.zoo.tiny' has no ''",
        "model.2: --input-size 65000 is more than",
        "devices.0: An emulated device does not become hot",
        "profile.threads: two are called 1. Name each number once",
    )


@pytest.mark.parametrize(
    "key", [f'{key} = "@"' for key in ("weights", "labels", "model", "name", "task")] + ['model = "@.pt2"']
)
def test_a_nul_in_a_name_is_an_error_like_others(key: str, tmp_path: Path) -> None:
    nul = "\\u0000"
    head = f'calibration = ["{nul}", "{nul}/a", "{nul}.npz"]\ndevices = ["{nul}", "ssh://{nul}"]'
    tail = f'[evaluate]\ndata = "{nul}"\n[export]\nlowering = "{nul}.toml"\n'
    model = f"[[model]]\n{key.replace('@', nul)}\n"
    path = sweep_file(tmp_path, model, tail, head=head, recipes=("onnx_float32", nul, f"{nul}.toml"))
    refused(
        path,
        "recipes.1: ",
        "recipes.2: ",
        *(f"calibration.{number}: " for number in range(3)),
        "devices.1: ",
        "evaluate",
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipes = [", "is not valid TOML"),
        ("", "model: missing"),
        ('recipes = []\n[[model]]\nmodel = "mobilenet_v2_ca"', "recipes: "),
        (f'recipes = ["onnx_float32"]\n{TINY}{TINY}', "two are called tiny_trained. Give each model a `name`"),
        (f'recipes = ["onnx_float32", "onnx_float32"]\n{TINY}', "Name each recipe once"),
        (f'recipes = ["onnx_float32"]\ndevices = ["local", "local"]\n{TINY}', "Name each device once"),
        (f'recipes = ["onnx_float32"]\n{TINY}\n[profile]\nthreads = [100000]', "profile.threads.0: 100000 is not"),
        (f'recipes = ["onnx_float32"]\n{TINY}\n[evaluate]\ndata = "none"', "evaluate.data: .*does not exist"),
        (
            f'recipes = ["onnx_float32"]\n{TINY}\n[export]\nlowering = "none"',
            "export.lowering: Unknown lowering 'none'",
        ),
        (
            f'recipes = ["onnx_float32"]\n{TINY}\n[export]\ncheck = ["xnnpack"]',
            r"check.0: .* checks .tflite files, and no",
        ),
    ],
    ids=[
        "syntax",
        "empty",
        "no recipe",
        "two models",
        "two recipes",
        "two devices",
        "threads",
        "no data",
        "no rules",
        "no target",
    ],
)
def test_what_cannot_be_swept(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "SWEEP.toml").write_text(text)
    refused(tmp_path / "SWEEP.toml", said)


def test_the_example_of_the_documentation(tmp_path: Path) -> None:
    pages = [Path(__file__).parents[2] / name for name in ("docs/sweep.md", "README.md")]
    read = (re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL) for page in pages)
    (example,), shown = read
    assert shown == [example]
    (tmp_path / "SWEEP.toml").write_text(example)
    plan = plan_of(tmp_path / "SWEEP.toml")
    assert len(plan.files) == 8
    assert len(plan.conversions) == 4
    assert plan.devices == ("emulated:cortex-a76",)


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "SWEEP.toml", "does not exist")


def test_sets_have_files_of_their_own_and_float_files_are_made_once(tmp_path: Path) -> None:
    recipes = ("onnx_float32", "onnx_static_wi8_ai8", "tflite_float32")
    plan = plan_of(sweep_file(tmp_path, TINY, OTHER, head='calibration = ["random", "scikit_image"]', recipes=recipes))
    assert list(plan.files) == [
        f"{model}{rest}"
        for model in ("tiny_trained", "larger")
        for rest in (
            "-random.onnx_float32.onnx",
            "-random.onnx_static_wi8_ai8.onnx",
            "-random.tflite_float32.tflite",
            "-scikit_image.onnx_static_wi8_ai8.onnx",
        )
    ]
    assert [len(one.recipes) for one in plan.conversions] == [2, 1, 1] * 2  # recipes of a format share a conversion


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    """Model `a` with the set `p-q`, and model `a-p` with the set `q`."""
    for name in ("p-q", "q"):
        (tmp_path / name).mkdir()
        Image.new("RGB", (40, 40)).save(tmp_path / name / "1.png")
    models = [TINY.replace("input_size = 32", f'name = "{name}"') for name in ("a", "a-p")]
    path = sweep_file(tmp_path, *models, head='calibration = ["p-q", "q"]', recipes=("onnx_static_wi8_ai8",))
    refused(path, "model: two are called a-p-q.onnx_static_wi8_ai8.onnx. Give one of the models another `name`")


def test_paths_are_those_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\nc\nd\ne\n")
    monkeypatch.chdir("/")
    plan = plan_of(sweep_file(tmp_path, f'{TINY}labels = "labels.txt"\n'))
    assert plan.conversions[0].source.labels == tmp_path / "labels.txt"
