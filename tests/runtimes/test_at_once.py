"""Several runs of one session at the same time."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from ca_deploy.errors import RuntimeUnavailable
from ca_deploy.records.tensors import TensorSpec
from ca_deploy.runtimes import _Guarded, each, open_session
from tests.graphs.test_validity import onnx_model

FEEDS = [{"x": np.full((1, 4), number, np.float32)} for number in range(9)]


class Meeting:
    """A session whose runs wait for each other, two by two."""

    runtime, settings = "meeting", {}  # type: ignore[var-annotated]
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()

    def __init__(self) -> None:
        self.both = threading.Barrier(2, timeout=30)
        self.ended = False

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        if feeds["x"][0, 0] == 5:
            raise ValueError("five")
        if feeds["x"][0, 0] == 6:
            time.sleep(0.5)
            self.ended = True
        if feeds["x"][0, 0] < 4:
            self.both.wait()
        return {"y": feeds["x"] * 2}


def test_runs_go_on_at_the_same_time_and_their_answers_stay_in_order() -> None:
    session = _Guarded("m.onnx", Meeting(), 60, at_once=2)
    assert [given["y"][0, 0] for given in each(session, FEEDS[:5])] == [0, 2, 4, 6, 8]


def test_what_one_of_them_raises_is_raised_in_its_place_when_the_others_have_ended() -> None:
    meeting = Meeting()
    answers = each(_Guarded("m.onnx", meeting, 60, at_once=2), FEEDS)
    assert [next(answers)["y"][0, 0] for _ in range(5)] == [0, 2, 4, 6, 8]
    with pytest.raises(RuntimeUnavailable, match="five"):
        next(answers)
    assert meeting.ended


def test_who_stops_taking_answers_waits_for_the_runs_that_go_on() -> None:
    meeting = Meeting()
    answers = each(_Guarded("m.onnx", meeting, 60, at_once=2), [FEEDS[4], FEEDS[6]])
    assert next(answers)["y"][0, 0] == 8
    del answers  # as after an error in a loop
    assert meeting.ended


def test_onnx_runtime_gives_the_same_at_once_as_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ca_deploy.runtimes.cores", lambda: 3)
    path = onnx_model(tmp_path / "m.onnx", onnx.helper.make_node("Relu", ["x"], ["y"]))
    session = open_session(path, known=True)
    assert isinstance(session, _Guarded) and session.at_once == 3
    assert open_session(path, threads=2, known=True).at_once == 1  # type: ignore[attr-defined]
    name, given = session.inputs[0], session.outputs[0].name
    random = np.random.default_rng(0)
    feeds = [{name.name: random.normal(size=name.shape).astype(np.float32)} for _ in range(20)]
    expected = [session.run(fed)[given] for fed in feeds]
    np.testing.assert_array_equal([answer[given] for answer in each(session, feeds)], expected)
