"""Several processes in one folder: live ones are left alone, dead ones are tidied up after, and sets never mix."""

import os
import tempfile
from pathlib import Path

import pytest

from ca_deploy.delivery import deliver, locks, settle, staging
from tests.delivery import child, kit


def test_a_living_process_is_left_alone(tmp_path: Path) -> None:
    folder = kit.stage(tmp_path / "out")
    with kit.start(["wait", str(folder), "third"]) as living:
        assert living.stdout is not None
        assert living.stdout.readline() == "ready\n"
        (scratch,) = kit.left(folder)
        settle(folder)
        assert kit.run(["deliver", str(folder), "new"]) == 0
        assert set(kit.seen(folder).values()) == {"new"}
        assert kit.left(folder) == {scratch}
        living.communicate("", timeout=60)
    assert living.returncode == 0
    assert set(kit.seen(folder).values()) == {"third"}
    assert not kit.left(folder)


def test_so_is_another_part_of_this_process(tmp_path: Path) -> None:
    with staging(tmp_path) as outer, staging(tmp_path) as inner:
        deliver(inner, child.make(inner, "new"))
        deliver(outer, child.make(outer, "third"))
    assert set(kit.seen(tmp_path).values()) == {"third"}
    assert not kit.left(tmp_path)


def test_two_deliver_into_a_folder_while_a_third_is_killed(tmp_path: Path) -> None:
    folder = kit.stage(tmp_path / "out")
    for number in range(1, len(kit.PLACES) + 1):
        killed = kit.inject("signal=KILL", kit.Moment("renameat2", number, ""))
        running = [
            kit.start(["deliver", str(folder), "fourth"], *killed),
            *(kit.start(["deliver", str(folder), version]) for version in ("new", "third")),
        ]
        for process in running:
            process.communicate(timeout=60)
        assert [process.returncode for process in running] == [-9, 0, 0]
        settle(folder)
        assert len(set(kit.seen(folder).values())) == 1, kit.seen(folder)
        assert not kit.left(folder)


def test_a_folder_that_flock_holds_around_us(tmp_path: Path) -> None:
    """``flock FOLDER ca-deploy …``, as scripts write it, does not wait for itself."""
    folder = kit.stage(tmp_path / "out")
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        locks.take(descriptor)
        assert kit.run(["deliver", str(folder), "new"]) == 0
    finally:
        os.close(descriptor)
    assert set(kit.seen(folder).values()) == {"new"}


def test_without_locks_nothing_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows, where live and dead processes cannot be distinguished."""
    monkeypatch.setattr(locks, "fcntl", None)
    root = kit.cut_off(tmp_path, {"a.json": b"cut off"})
    with staging(tmp_path) as scratch:
        deliver(scratch, child.make(scratch, "new"))
    settle(tmp_path)
    assert set(kit.seen(tmp_path).values()) == {"new"}
    assert kit.left(tmp_path) == {root.name}


@pytest.mark.parametrize("moment", ["before it is marked", "before it is locked", "as it is locked"])
def test_a_scratch_folder_that_is_swept_while_it_is_made_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Another process takes it, once, for that of a dead process."""
    met: list[bool] = []
    real_mkdtemp, real_hold = tempfile.mkdtemp, locks.hold

    def mkdtemp(prefix: str, dir: Path) -> str:
        made = real_mkdtemp(prefix=prefix, dir=dir)
        if moment == "before it is marked" and not met:
            met.append(True)
            settle(tmp_path)
        return made

    def hold(lock: int) -> bool:
        if moment != "before it is marked" and not met:
            met.append(True)
            if moment == "as it is locked":
                return False
            settle(tmp_path)
        return real_hold(lock)

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    monkeypatch.setattr(locks, "hold", hold)
    with staging(tmp_path) as scratch:
        deliver(scratch, child.make(scratch, "new"))
    assert met
    assert set(kit.seen(tmp_path).values()) == {"new"}
    assert not kit.left(tmp_path)
