"""The documentation builds without a network, has a page per command, and says nothing that the code does not know."""

import html
import importlib.util
import inspect
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

import ca_deploy
from ca_deploy.cli import app
from ca_deploy.recipes import load_recipe
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.recipe import ExportRecipe, Tolerances
from tests.system_tools import unavailable

CHECKOUT = Path(__file__).resolve().parents[1]
COMMANDS: dict[str, Any] = typer.main.get_command(app).commands  # type: ignore[attr-defined]
# Those at the root are pages too; tests/test_readme.py looks at the README.
SOURCES = sorted(
    [
        *CHECKOUT.glob("docs/**/*.md"),
        *CHECKOUT.glob("*/README.md"),
        CHECKOUT / "CONTRIBUTING.md",
        CHECKOUT / "SECURITY.md",
    ]
)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """Name of the file and text of every code block in a language."""
    for path in SOURCES:
        for block in re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL):
            yield path.relative_to(CHECKOUT).as_posix(), block


def python_of(page: str) -> list[str]:
    """The Python code on a page, block by block."""
    return [block for place, block in blocks("python") if place == f"docs/{page}"]


def command_lines() -> Iterator[str]:
    for _, block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.strip().startswith("ca-deploy "):
                yield line.strip()


def options_of(command: Any) -> set[str]:
    """Long names of the options of a command and of those below it, without ``--help``."""
    below = getattr(command, "commands", {}).values()
    own = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}
    return own.union(*map(options_of, below)) - {"--help"}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built pages."""
    if importlib.util.find_spec("material") is None:
        unavailable("mkdocs-material is not installed (make test brings it)")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=CHECKOUT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


def text_of(page: Path) -> str:
    """What a reader sees of a built page, without navigation."""
    found = re.search(r"<article.*?</article>", page.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{page.name} has no article"
    return html.unescape(re.sub(r"<[^>]+>", "", found.group()))


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(COMMANDS)
    for page in pages:
        loaded = re.findall(
            r"""(?:<link[^>]*?href|src)=["']?((?:https?:)?//[^"'> ]+)""", page.read_text(encoding="utf-8")
        )
        assert not loaded, f"{page.name} loads {loaded}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_page_that_names_every_option(site: Path, name: str) -> None:
    shown = set(re.findall(r"--[a-z0-9][a-z0-9-]*", text_of(site / f"{name}.html")))
    assert not options_of(COMMANDS[name]) - shown


@pytest.mark.parametrize("name", COMMANDS)
def test_readme_and_index_lead_to_every_command(name: str) -> None:
    assert f"[`{name}`](docs/{name}.md)" in (CHECKOUT / "README.md").read_text(encoding="utf-8")
    assert f"[`{name}`]({name}.md)" in (CHECKOUT / "docs" / "index.md").read_text(encoding="utf-8")


def test_the_lists_are_all_named(site: Path) -> None:
    assert not {f"ca-deploy list {name}" for name in COMMANDS["list"].commands} - {
        line for line in text_of(site / "list.html").splitlines() if line.startswith("ca-deploy list")
    }


@pytest.mark.parametrize("line", sorted(set(command_lines())))
def test_every_command_line_has_the_options_it_shows(line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)[1:]
    command = COMMANDS[name]
    while hasattr(command, "commands"):
        name, *arguments = arguments
        command = command.commands[name]
    assert command.make_context(name, list(arguments)).command is command


def test_the_first_python_example_is_the_readme_s_which_a_test_runs() -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    first, _ = python_of("python-api.md")
    assert first in readme
    assert {place for place, _ in blocks("python")} == {"docs/python-api.md", "docs/networks.md"}


def test_the_example_with_a_network_in_memory_runs(tmp_path: Path) -> None:
    _, code = python_of("python-api.md")
    (tmp_path / "labels.txt").write_text("".join(f"class {number}\n" for number in range(5)))
    script = f"from tests.zoo import tiny\n\nmy_net = tiny.tiny_trained()\n{code}"
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "pass"


def test_the_two_headed_network_goes_the_whole_way_as_shown(tmp_path: Path) -> None:
    """Without weights and photos, as the page says, and without Core ML, whose exports other tests see."""
    code, _ = python_of("networks.md")
    (tmp_path / "detector.py").write_text(code, encoding="utf-8")
    lines = [line for line in command_lines() if "detector:TwoHeaded" in line or "TwoHeaded." in line]
    assert [line.split()[1] for line in lines] == ["export", "parity", "check", "profile"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for line in lines:
        shown = line.replace("--weights detector.pth", "--random-weights").replace("photos/", "random")
        shown = shown.replace(" --format coreml", "") + (" --protocol quick" if " profile " in shown else "")
        done = subprocess.run(shown, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{shown}\n{done.stdout}\n{done.stderr}"
    assert sorted(path.suffix for path in (tmp_path / "exported").glob("*_ai8.*")) == sorted(
        [".json", ".kt", ".log", ".py"] * 2 + [".onnx", ".tflite"]
    )


def test_the_recipe_that_is_shown_is_the_shipped_one_and_takes_the_override(tmp_path: Path) -> None:
    shown, layer = (block for place, block in blocks("toml") if place == "docs/recipes.md")
    shipped = CHECKOUT / "export_recipes" / "tflite_static_wi8_ai8_uint8rgb_io.toml"
    assert shown == shipped.read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text(f"{shown}\n{layer}", encoding="utf-8")
    (override,) = load_recipe(str(own)).layer
    assert override.covers("features.3.attention.conv_h")
    assert not override.covers("features.30.attention")


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("manifest", set(inspect.signature(Manifest).parameters)),
        ("recipes", set(inspect.signature(ExportRecipe).parameters) - {"name"}),
        ("recipes", set(inspect.signature(Tolerances).parameters)),
        ("python-api", set(ca_deploy.__all__)),
    ],
    ids=["keys of the manifest", "keys of a recipe", "tolerances", "public names"],
)
def test_tables_are_complete(site: Path, page: str, names: set[str]) -> None:
    assert not names - set(re.findall(r"\w+", text_of(site / f"{page}.html")))
