"""Progress is one plain line per step, and on a terminal also a moving line or a bar that leaves nothing behind."""

import io
import re

from ca_deploy.progress import DONE, Counted
from ca_deploy.render.progress import shown_on


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _plain(stream: io.StringIO) -> list[str]:
    return [re.sub(r"^\[ *\d+\.\d s\] ", "", line) for line in stream.getvalue().splitlines()]


def test_without_a_terminal_there_is_one_line_per_step() -> None:
    stream = io.StringIO()
    with shown_on(stream) as display:
        display.step("", "loading the network")
        display.step("onnx", "calibrating")
        for number in range(1, 129):
            display.step("onnx", Counted("calibrating", number, 128))
        display.step("onnx", DONE)
    assert _plain(stream) == ["loading the network", "onnx: calibrating"]


def test_without_a_terminal_a_count_is_ten_lines() -> None:
    stream = io.StringIO()
    with shown_on(stream) as display:
        for number in range(1, 1001):
            display.count("photos", number, 1000)
    assert _plain(stream) == [f"photos {number}00/1000" for number in range(1, 11)]


def _on_a_terminal(in_turn: bool = False) -> str:
    stream = Terminal()
    with shown_on(stream, in_turn) as display:
        display.step("tflite", "converting [red]x[/red]")
        display.step("onnx", "calibrating")
        display.step("onnx", Counted("calibrating", 34, 128))
        display._bars.refresh()  # type: ignore[attr-defined]
        shown = stream.getvalue()
    assert stream.getvalue().endswith("\x1b[2K"), "the moving lines are removed"
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def test_a_terminal_shows_a_moving_line_per_name_and_a_bar_of_what_is_counted() -> None:
    shown = _on_a_terminal()
    last = [line.split() for line in shown.splitlines()[-2:]]
    assert last[0][1:5] == ["tflite:", "converting", "[red]x[/red]", "0"]
    assert last[1][1:3] == ["onnx:", "calibrating"]
    assert any(word.startswith("34/128") for word in last[1])
    assert re.search(r"^\r?\[ *0\.\d s\] tflite: converting \[red\]x\[/red\]$", shown, re.M)


def test_what_is_done_in_turn_has_one_moving_line() -> None:
    assert "tflite" not in _on_a_terminal(in_turn=True).splitlines()[-1]
