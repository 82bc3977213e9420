"""The command that reports keep."""

import sys

import pytest

from ca_deploy.processes.typed import typed_command


@pytest.mark.parametrize(
    ("argv", "typed"),
    [
        (["/home/me/.venv/bin/ca-deploy", "profile", "a b"], ("ca-deploy", "profile", "a b")),
        (["/home/me/ca_deploy/__main__.py", "list"], ("ca-deploy", "list")),
        (["/lib/pytest/__main__.py", "-q"], ("/lib/pytest/__main__.py", "-q")),
        (["my/script.py", "-v"], ("my/script.py", "-v")),
        (["-c"], ("-c",)),
        ([""], ("",)),  # in a console
        ([], ("",)),
    ],
)
def test_it_is_as_typed(argv: list[str], typed: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", argv)
    assert typed_command() == typed
