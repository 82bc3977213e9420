"""A small sweep: two networks, two recipes."""

from pathlib import Path

RECIPES = ("onnx_float32", "onnx_static_wi8_ai8")
TINY = """
[[model]]
model = "tests.zoo.tiny:tiny_trained"
input_size = 32
"""
OTHER = """
[[model]]
model = "tests.zoo.tiny:tiny_trained"
name = "larger"
input_size = 48
"""
FAILS = """
[[model]]
model = "tests.zoo.tiny:fails"
"""


def sweep_file(folder: Path, *models: str, head: str = "", recipes: tuple[str, ...] = RECIPES) -> Path:
    """A SWEEP.toml in a folder, with these models."""
    folder.mkdir(parents=True, exist_ok=True)
    listed = ", ".join(f'"{name}"' for name in recipes)
    path = folder / "SWEEP.toml"
    path.write_text(f"recipes = [{listed}]\n{head}\n{''.join(models)}", encoding="utf-8")
    return path


def contents(folder: Path, *suffixes: str) -> dict[str, bytes]:
    """The files of these suffixes, by name."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.suffix in suffixes}
