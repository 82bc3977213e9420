"""Help is complete: -h everywhere, examples that are true, names in angle brackets; and the shell completes names."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.devices import kind_names
from ca_deploy.formats import format_names
from ca_deploy.recipes import recipe_names
from ca_deploy.records.model import registered_models
from ca_deploy.runtimes import runtime_names
from ca_deploy.targets import target_names
from ca_deploy.tasks import task_names

GROUP: Any = typer.main.get_command(app)


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(below, (*path, name))


COMMANDS = dict(_commands(GROUP))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_ends_in_examples(path: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*path, "-h"])
    assert done.exit_code == 0
    assert done.output == CliRunner().invoke(app, [*path, "--help"]).output
    shown = done.output.partition("Examples:")[2].split("\n")
    lines = COMMANDS[path].epilog.splitlines()[3:-1]
    assert [line.rstrip() for line in shown if line.strip()] == [f"  {line}" for line in lines], "none is folded"


def _examples() -> Iterator[str]:
    for command in COMMANDS.values():
        yield from command.epilog.partition("```")[2].strip("`\n").replace("\\\n", "").splitlines()


@pytest.mark.parametrize("line", sorted(set(_examples()) - {"ca-deploy export -h"}))
def test_every_example_can_be_parsed(line: str) -> None:
    program, *words = shlex.split(line.partition(">")[0])
    assert program == "ca-deploy"
    command, used = GROUP, 0
    while hasattr(command, "commands"):
        command = command.commands[words[used]]
        used += 1
    command.make_context(program, words[used:])


def test_class_folders_are_shown_as_they_are_written() -> None:
    words = "".join(CliRunner().invoke(app, ["evaluate", "--help"]).output.replace("│", "").split())
    assert "DATA/<class>/<photo>" in words
    words = "".join(CliRunner().invoke(app, ["profile", "--help"]).output.replace("│", "").split())
    assert "ssh://[user@]host[:port]" in words


def test_short_options_mean_the_same_everywhere() -> None:
    meanings: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for parameter in command.params:
            for short in (name for name in parameter.opts if len(name) == 2):
                meanings.setdefault(short, set()).update(set(parameter.opts) - {short})
    assert {short: names for short, names in meanings.items() if len(names) > 1} == {}
    assert {"-f", "-r", "-c", "-o", "-w", "-t", "-d", "-j", "-a", "-l", "-s"} <= meanings.keys()


def _completed(words: str) -> list[str]:
    code = (
        "import atexit, sys\nfrom ca_deploy.cli import app\n"
        "heavy = {'torch', 'numpy', 'onnx', 'tensorflow', 'coremltools', 'rich'}\n"
        "atexit.register(lambda: sys.stderr.write(' '.join(heavy & set(sys.modules))))\n"
        "app(prog_name='ca-deploy')"
    )
    environment = {"_CA_DEPLOY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.stderr == "", "completion has to be instant"
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("ca-deploy export ", list(registered_models())),
        ("ca-deploy export --format ", format_names()),
        ("ca-deploy export -r tflite_s", [name for name in recipe_names() if name.startswith("tflite_s")]),
        ("ca-deploy export --task ", task_names()),
        ("ca-deploy check net.tflite -t ", target_names()),
        ("ca-deploy parity net.onnx --runtime ", runtime_names()),
        ("ca-deploy distill mob", [name for name in registered_models() if name.startswith("mob")]),
    ],
)
def test_names_are_completed(words: str, names: list[str]) -> None:
    assert _completed(words) == names


def test_devices_are_completed() -> None:
    found = _completed("ca-deploy profile net.tflite -d ")
    assert "emulated:cortex-a76" in found
    assert {name.partition(":")[0] for name in found} == set(kind_names())
