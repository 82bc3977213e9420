"""A folder as commands leave it, and copies of it in which records were changed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from typer.testing import CliRunner

from ca_deploy.cli import app

LABELS = ("daisy", "dandelion", "roses", "sunflowers", "tulips")
RECIPES = ("onnx_float32", "onnx_static_wi8_ai8")
FILES = tuple(f"tiny_trained.{recipe}.onnx" for recipe in RECIPES)


def run(*arguments: object, code: int = 0) -> str:
    """What a command printed on standard output."""
    done = CliRunner().invoke(app, list(map(str, arguments)))
    assert done.exit_code == code, done.output
    return done.stdout


def make(folder: Path) -> None:
    """Export the tiny network, and save what each command prints of its files."""
    photos = folder.parent / "photos"
    random = np.random.default_rng(0)
    for label in LABELS:
        (photos / label).mkdir(parents=True)
        for number in range(4):
            pixels = random.integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(photos / label / f"{number}.png")
    labels = folder.parent / "labels.txt"
    labels.write_text("\n".join(LABELS))
    model = ("tests.zoo.tiny:tiny_trained", "--input-size", 32, "--labels", labels)
    recipes = [word for recipe in RECIPES for word in ("--recipe", recipe)]
    run("export", *model, *recipes, "--calibration", "random", "--output", folder)
    for name in FILES:
        file = folder / name
        (folder / f"{name}.compat.json").write_text(run("check", file, "--json", code=1))
        (folder / f"{name}.accuracy.json").write_text(run("evaluate", file, "--data", photos, "--json"))
    layers = ("--against", model[0], "--layers", "--json")
    (folder / "int8.parity.json").write_text(run("parity", folder / FILES[1], *layers))
    quick = ("--runs", 60, "--min-seconds", 0, "--starts", 2, "--ops", "--json")
    (folder / "here.latency.json").write_text(run("profile", *(folder / name for name in FILES), *quick))
    photo = photos / "daisy" / "0.png"
    looked = run("attention", *model, "--image", photo, "--output", folder / "gates.png", "--json")
    (folder / "gates.json").write_text(looked)


def changed(folder: Path, to: Path, **changes: Callable[[Any], None]) -> Path:
    """A copy in which the JSON of each name, its dots and dashes as ``_``, was changed."""
    shutil.copytree(folder, to)
    for path in to.glob("*.json"):
        change = changes.pop(path.name.replace(".", "_").replace("-", "_"), None)
        if change is not None:
            content = json.loads(path.read_text())
            change(content)
            path.write_text(json.dumps(content))
    assert not changes, changes
    return to


_FREE = {
    "data", "photo", "reason", "note", "notes", "description", "labels", "warnings", "assumptions", "acceleration",
    "task_reason", "delegate", "label", "module", "node", "operator", "remedy", "introduces", "target", "version",
    "image_set", "reference", "runtime", "truth", "answer", "os", "machine", "measured", "failure", "right_name",
    "agreement_name", "rules", "inputs_origin", "command_line", "unreadable", "by_class_name",
}  # fmt: skip
_FREE_NAMES = ("tools", "top1_by_class", "failures", "left_alone")


def spoiled(folder: Path, to: Path, stem: str, text: str) -> Path:
    """A copy whose files begin with ``stem``, and whose every free text ends in ``text``."""

    def spoil(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {f"{name}{text}" if key in _FREE_NAMES else name: spoil(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [spoil(one, key) for one in value]
        is_name = key == "name" and isinstance(value, str) and "emulated" not in value
        return f"{value}{text}" if isinstance(value, str) and (key in _FREE or is_name) else value

    to.mkdir()
    for path in folder.iterdir():
        place = to / path.name.replace("tiny_trained", stem)
        if path.suffix == ".json":
            content = json.loads(path.read_text().replace("tiny_trained", stem))
            place.write_text(json.dumps(spoil(content)))
        else:
            shutil.copy(path, place)
    return to
