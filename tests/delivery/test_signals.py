"""Ctrl-C, SIGTERM and SIGHUP at any renaming: the process ends cleanly, and what it leaves needs no other command."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from ca_deploy.delivery.interrupts import ASK_TO_END, held_back
from ca_deploy.delivery.locks import alone_in
from tests.delivery import kit


@pytest.mark.parametrize("sent", ["INT", "TERM", "HUP"])
def test_asked_to_end_at_every_renaming(tmp_path: Path, sent: str) -> None:
    assert len(list(kit.requests(tmp_path / "out", sent, kit.RENAMES))) == 2 * len(kit.PLACES) + 2


@pytest.mark.parametrize("call", ["unlink", "unlinkat", "rmdir"])
def test_a_second_ctrl_c_while_it_tidies_up(tmp_path: Path, call: str) -> None:
    folder = kit.stage(tmp_path / "out")
    first, second = kit.Moment("rename", 2, ""), kit.Moment(call, 1, "")
    arguments = ["deliver", str(folder), "new"]
    assert kit.run(arguments, *kit.inject("signal=INT", first), *kit.inject("signal=INT", second)) == 130
    assert set(kit.seen(folder).values()) == {"old"}
    assert not kit.left(folder)


def test_waiting_for_another_process_can_be_interrupted(tmp_path: Path) -> None:
    folder = kit.stage(tmp_path / "out")
    with alone_in(folder):  # so that its first lock is the one that it has to wait for
        waits = kit.inject("signal=INT", kit.Moment("flock", 1, ""))
        assert kit.run(["deliver", str(folder), "new"], *waits) == 130
        assert set(kit.seen(folder).values()) == {"old"}
        assert kit.left(folder) == {".ca-deploy-lock"}
    assert not kit.left(folder)


@contextmanager
def handled(number: int, handler: "signal._HANDLER") -> Iterator[None]:
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", ASK_TO_END)
def test_signals_act_right_after_the_block(number: signal.Signals) -> None:
    steps = []

    def handler(number: int, frame: FrameType | None) -> None:
        steps.append("signal")
        raise KeyboardInterrupt

    with handled(number, handler):
        with pytest.raises(KeyboardInterrupt), held_back():
            with held_back():
                signal.raise_signal(number)
                steps.append("one")
            steps.append("two")
        assert steps == ["one", "two", "signal"]
        assert signal.getsignal(number) is handler


def test_what_is_ignored_stays_ignored() -> None:
    with handled(signal.SIGTERM, signal.SIG_IGN):
        with held_back():
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN


def test_without_a_handler_the_process_ends_by_the_signal_after_the_block() -> None:
    program = (
        "import signal; from ca_deploy.delivery.interrupts import held_back\n"
        "with held_back():\n    signal.raise_signal(signal.SIGTERM); print('finished', flush=True)\nprint('too late')"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=kit.ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGTERM, "finished\n")


def test_other_threads_leave_the_handlers_alone() -> None:
    seen = []

    def work() -> None:
        with held_back():
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGINT)]


def test_nohup_is_respected() -> None:
    """SIGHUP ends the command line cleanly, unless it was started to ignore it (nohup(1))."""
    program = (
        "import signal, ca_deploy.cli as cli\n"
        "cli.app = lambda: print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)\ncli.main()"
    )
    for start, ignores in (([], "False\n"), (["nohup"], "True\n")):
        done = subprocess.run([*start, sys.executable, "-c", program], cwd=kit.ROOT, capture_output=True, text=True)
        assert done.stdout == ignores, done.stderr
