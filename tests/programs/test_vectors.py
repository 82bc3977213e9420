"""Programs that would run code: refused by name, and nothing of them runs. Without the vetting, they do run it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ca_deploy import programs
from ca_deploy.errors import ArtifactError, ModelError, ProgramError
from tests.programs import hostile
from tests.programs.vectors import VECTORS, Vector

# What a user of the file does next: take it as a module, run it, decompose it.
WITHOUT_VETTING = """
import contextlib, json, sys, torch
for path in sys.argv[1:]:
    with contextlib.suppress(Exception):
        program = torch.export.load(path)
        for use in (lambda: program.module()(*program.example_inputs[0]), program.run_decompositions):
            with contextlib.suppress(Exception):
                use()
"""


@pytest.fixture(scope="module")
def bases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return hostile.programs(tmp_path_factory.mktemp("bases"))


def made(vector: Vector, bases: dict[str, Path], folder: Path) -> tuple[Path, Path]:
    """The hostile file, and the canary that it creates if it succeeds."""
    path, canary = folder / f"{vector.name}.pt2", folder / f"{vector.name}.canary"
    content = hostile.members(bases[vector.base])
    vector.tamper(content, canary)
    return hostile.write(path, content, folder="" if "version" in content else "archive/"), canary


@pytest.mark.parametrize("vector", VECTORS, ids=[vector.name for vector in VECTORS])
def test_a_program_that_would_run_code_is_refused_by_name(
    vector: Vector, bases: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)  # so that a module which the file names could be imported
    path, canary = made(vector, bases, tmp_path)
    with pytest.raises(ProgramError, match="was refused") as error:
        programs.load(path)
    assert not canary.exists()
    assert str(path) in str(error.value)
    assert vector.culprit in str(error.value)


def test_the_same_programs_run_code_when_pytorch_loads_them(bases: dict[str, Path], tmp_path: Path) -> None:
    files = [made(vector, bases, tmp_path) for vector in VECTORS]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", WITHOUT_VETTING, *(str(path) for path, _ in files)]
    subprocess.run(command, check=True, capture_output=True, env=environment, cwd=tmp_path)
    ran = {vector.name for vector, (_, canary) in zip(VECTORS, files, strict=True) if canary.exists()}
    assert ran == {vector.name for vector in VECTORS if vector.live}


def test_a_refusal_is_a_model_error_and_an_artifact_error_and_says_what_to_do(
    bases: dict[str, Path], tmp_path: Path
) -> None:
    path, _ = made(next(v for v in VECTORS if v.name == "size_expression"), bases, tmp_path)
    with pytest.raises(ProgramError, match=r"Save it again with torch\.export\.save") as error:
        programs.load(path)
    assert isinstance(error.value, ModelError)
    assert isinstance(error.value, ArtifactError)
