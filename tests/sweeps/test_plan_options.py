"""SWEEP.toml: what is said of the options of all models, and what is measured with them."""

from pathlib import Path

from ca_deploy.sweeps.commands import profile_command
from tests.sweeps.kit import TINY, plan_of, refused, sweep_file


def test_an_option_of_all_models_is_said_once_and_beside_errors_of_models(tmp_path: Path) -> None:
    """Of a module that is a part of Python there is no file to read."""
    path = tmp_path / "SWEEP.toml"
    path.write_text(
        """
recipes = ["onnx_float32", "onnx_static_wi8_ai8", "tflite_float32"]
devices = ["emulated:cortex-a76"]

[[model]]
model = "os.path:nosuch"

[[model]]
name = "b"
input_size = -1
task = "tracking"

[[model]]
name = "B"
task = "detection"
head = "argmax"

[[model]]
model = "tests.zoo.tiny:tiny_trained"
head = "argmaxx"

[[model]]
name = "wide"
width = -2.0

[export]
lowering = "none"
held_out = 1

[profile]
protocol = "quick"
minutes = 3
"""
    )
    refused(
        path,
        "has 10 error",
        "model.3: Unknown --head 'argmaxx'",
        "model.4: --width -2 is not possible",
        "model.0: Module 'os.path' has no 'nosuch'",
        "model.1: --input-size -1 is not possible",
        "model.1: Unknown task 'tracking'",
        "model.2: Unknown --head of task detection 'argmax'",
        "model: two are called b and B.",
        "export.lowering: Unknown lowering 'none'",
        "export: --held-out 1: ",
        "profile.minutes: --minutes are those of lasting load",
    )


def test_lasting_load_takes_as_many_minutes_as_are_asked_for(tmp_path: Path) -> None:
    head = 'devices = ["local"]\n[profile]\nprotocol = "sustained"\nminutes = 3\nthreads = [1, 2]\noperators = true'
    plan = plan_of(sweep_file(tmp_path, TINY, head=head))
    assert plan.wishes.minutes == 3
    typed = " ".join(profile_command(Path("a.onnx"), "local", plan.wishes))
    assert (
        typed == "ca-deploy profile a.onnx --device local --threads 1,2 --protocol sustained --minutes 3 --ops --json"
    )
