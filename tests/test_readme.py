"""What the README shows is what there is."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from ca_deploy.cli import app

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL)).replace("\\\n", " ")
COMMANDS = [line.strip() for line in SHELL.splitlines() if line.strip().startswith("ca-deploy ")]


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_has_the_options_it_shows(line: str) -> None:
    name, *arguments = shlex.split(line, comments=True)[1:]
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    context = group.commands[name].make_context(name, list(arguments))
    assert context.params


def test_the_python_example_runs(tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-1] == "pass"


def test_no_placeholder_is_left() -> None:
    assert "@" not in README.replace("pi@", "")
