"""Results appear whole or not at all, and why a place cannot be written is explained."""

import errno
import os
import shutil
import tempfile
from collections import namedtuple
from pathlib import Path

import pytest

from ca_deploy.delivery import (
    EXPORT_BYTES,
    deliver,
    exchange,
    settle,
    staging,
    transaction,
    write_atomically,
    write_together,
    zip_folder,
)
from ca_deploy.errors import OutputError
from tests.delivery import child, kit

Usage = namedtuple("Usage", "total used free")


def test_finished_files_arrive_and_the_scratch_folder_goes(tmp_path: Path) -> None:
    output = tmp_path / "new" / "folder"
    with staging(output) as scratch:
        (scratch / "model.onnx").write_text("whole")
        assert not (output / "model.onnx").exists()
        deliver(scratch, [scratch / "model.onnx"])
    assert [path.name for path in output.iterdir()] == ["model.onnx"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_stays_after_an_error(tmp_path: Path, error: type[BaseException]) -> None:
    with pytest.raises(error), staging(tmp_path) as scratch:
        (scratch / "half.onnx").write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_output_that_is_a_file_is_refused(tmp_path: Path, below: str) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    with pytest.raises(OutputError, match="is not a folder"), staging(taken / below):
        pass
    assert taken.read_text() == "a file"


@pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="needs a folder that nobody may write to")
def test_unwritable_folder_is_refused() -> None:
    folder = Path("/sys/ca-deploy")
    with pytest.raises(OutputError, match=r"/sys/ca-deploy is not writable\. Choose another"), staging(folder):
        pass


@pytest.mark.parametrize(
    ("code", "said"), [(errno.EACCES, "not writable"), (errno.EROFS, "not writable"), (errno.EDQUOT, "disk is full")]
)
def test_the_systems_refusals_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, said: str
) -> None:
    def refuse(**_: object) -> str:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "mkdtemp", refuse)
    with pytest.raises(OutputError, match=said), staging(tmp_path):
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_disk_that_fills_up_on_the_way_is_explained(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="disk is full"), staging(tmp_path) as scratch:
        (scratch / "half.onnx").write_text("half")
        Path("/dev/full").write_text("the other half")
    assert list(tmp_path.iterdir()) == []


def test_a_nearly_full_disk_is_refused_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10 * 2**30, 10 * 2**30, 3 * 2**20))
    with pytest.raises(OutputError, match="3 MB free") as error, staging(tmp_path, EXPORT_BYTES):
        pytest.fail("started all the same")
    assert "--output" in str(error.value)


def test_written_atomically(tmp_path: Path) -> None:
    write_atomically(tmp_path / "new" / "a.txt", "text")
    write_atomically(tmp_path / "new" / "b.bin", b"\x00\x01")
    assert (tmp_path / "new" / "a.txt").read_text() == "text"
    assert (tmp_path / "new" / "b.bin").read_bytes() == b"\x00\x01"


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder"):
        write_atomically(tmp_path, "text")


def test_an_error_of_another_kind_is_not_taken_for_a_refusal(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), staging(tmp_path):
        Path("/no/such/file").read_bytes()


def test_the_old_file_survives_a_failed_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "inputs.npz"
    place.write_text("old")

    def full(path: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, f"{len(content)} bytes do not fit", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OutputError, match="disk is full"):
        write_atomically(place, "new")
    assert place.read_text() == "old"
    assert list(tmp_path.iterdir()) == [place]


def package(folder: Path, content: str) -> Path:
    (folder / "Data").mkdir(parents=True)
    (folder / "Data" / "weights").write_text(content)
    return folder


def test_a_zipped_folder_unpacks_as_it_was(tmp_path: Path) -> None:
    folder = package(tmp_path / "a.mlpackage", "numbers")
    for name in ("one.zip", "two.zip"):
        zip_folder(folder, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    shutil.unpack_archive(tmp_path / "one.zip", tmp_path / "out")
    assert (tmp_path / "out" / "a.mlpackage" / "Data" / "weights").read_text() == "numbers"


@pytest.mark.parametrize("before", ["nothing", "folder", "file"])
def test_a_folder_takes_the_place_of_what_was_there(tmp_path: Path, before: str) -> None:
    place = tmp_path / "a.mlpackage"
    if before == "folder":
        package(place, "old")
        (place / "left over").touch()
    elif before == "file":
        place.touch()
    with staging(tmp_path) as scratch:
        deliver(scratch, [package(scratch / "a.mlpackage", "new")])
    assert [path.name for path in tmp_path.iterdir()] == ["a.mlpackage"]
    assert [path.name for path in place.iterdir()] == ["Data"]
    assert (place / "Data" / "weights").read_text() == "new"


@pytest.mark.parametrize("names_can_be_exchanged", [True, False])
def test_a_place_that_cannot_be_taken_leaves_all_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names_can_be_exchanged: bool
) -> None:
    """Somebody else's file in a sticky folder, a mount point, or a file that Windows holds open."""
    kit.stage(tmp_path / "out")
    (tmp_path / "out" / "a.json").unlink()
    refuse(monkeypatch, "a.onnx", names_can_be_exchanged)
    with (
        pytest.raises(OutputError, match=r"a\.onnx cannot be replaced \(no\).* nothing in .* was changed"),
        staging(tmp_path / "out") as scratch,
    ):
        deliver(scratch, child.make(scratch, "new"))
    assert kit.seen(tmp_path / "out") == {**dict.fromkeys(kit.PLACES, "old"), "a.json": "missing"}
    assert not kit.left(tmp_path / "out")


def test_what_cannot_be_put_back_is_finished_by_the_next_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, real = kit.stage(tmp_path / "out"), exchange.exchange
    steps = iter(["done", "done", "refused", "refused", "refused"])

    def refuse(new: Path, place: Path, aside: Path) -> None:
        if next(steps) == "refused":
            raise OSError(errno.EBUSY, "no", str(place))
        real(new, place, aside)

    monkeypatch.setattr(transaction, "exchange", refuse)
    with pytest.raises(OutputError, match=r"old and new files\. Free that name"), staging(folder) as scratch:
        deliver(scratch, child.make(scratch, "new"))
    steps = iter(["refused"])
    with pytest.raises(OutputError, match=r"killed while it replaced files.*or remove"), staging(folder):
        pass
    assert set(kit.seen(folder).values()) == {"old", "new"}
    monkeypatch.setattr(transaction, "exchange", real)
    settle(folder)
    assert set(kit.seen(folder).values()) == {"new"}
    assert not kit.left(folder)


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, names_can_be_exchanged: bool) -> None:
    """The system refuses to put another file in place of this one."""
    real, replace = exchange._in_one_step, Path.replace

    def in_one_step(new: bytes, place: bytes) -> bool:
        return names_can_be_exchanged and not place.endswith(f"/{name}".encode()) and real(new, place)

    def refuse(path: Path, target: Path) -> Path:
        if target.name == name and path.parent.name == "committed":
            raise OSError(errno.EBUSY, "no", str(path), None, str(target))
        return replace(path, target)

    monkeypatch.setattr(exchange, "_in_one_step", in_one_step)
    monkeypatch.setattr(Path, "replace", refuse)


def test_a_folder_is_not_replaced_by_a_file_among_others(tmp_path: Path) -> None:
    folder = kit.stage(tmp_path / "out")
    (folder / "a.onnx").unlink()
    package(folder / "a.onnx", "mine")
    with pytest.raises(OutputError, match=r"a\.onnx is a folder"), staging(folder) as scratch:
        deliver(scratch, child.make(scratch, "new"))
    assert (folder / "a.onnx" / "Data" / "weights").read_text() == "mine"
    assert kit.seen(folder)["a.json"] == "old"


def test_hidden_names_are_for_single_files(tmp_path: Path) -> None:
    """After a kill they would never be delivered; see transaction.waiting."""
    write_atomically(tmp_path / ".inputs.npz", "single")
    assert (tmp_path / ".inputs.npz").read_text() == "single"
    for contents in ({".a": "1", "b": "2"}, {"b": "2", ".a": "1"}):
        with pytest.raises(OutputError, match="hidden"):
            write_together(tmp_path, contents)
    assert [path.name for path in tmp_path.iterdir()] == [".inputs.npz"]
