"""The archive of a program: what is read is what was vetted, whatever else the file looks like to another reader."""

import io
import warnings
import zipfile
from pathlib import Path

import pytest
import torch

from ca_deploy import programs
from ca_deploy.errors import ProgramError
from ca_deploy.programs.archive import read_members, rebuilt
from tests.programs import hostile


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> hostile.Members:
    return hostile.members(hostile.programs(tmp_path_factory.mktemp("bases"))["plain"])


def test_the_archive_is_made_anew_of_the_vetted_members_alone(content: hostile.Members, tmp_path: Path) -> None:
    path = hostile.write(tmp_path / "net.pt2", {**content, "extra/note.txt": b"not read"})
    members = read_members(path)
    assert "extra/note.txt" not in members
    (tmp_path / "made.pt2").write_bytes(rebuilt(dict(members)).getvalue())
    again = hostile.members(tmp_path / "made.pt2")
    assert {name: again[name] for name in members} == members
    assert again.keys() - members.keys() == {"byteorder", ".data/version", ".data/serialization_id"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("../../climbing.txt", "'../../climbing.txt' is not one that torch.export.save writes"),
        ("/etc/absolute", "'/etc/absolute' is not one"),
        ("data/weights/../../x", r"'data/weights/\.\./\.\./x' is not part of the program"),
        ("data/weights/weight_0\x1b[2J", r"'data/weights/weight_0\\x1b\[2J' is not part"),
        ("models/other.json", "'models/other.json' is not part"),
        ("code/__torch__.py", "'code/__torch__.py' is pickled: the file is a checkpoint or TorchScript"),
        ("data/constants/opaque_obj_12", "'data/constants/opaque_obj_12' is a pickled object"),
    ],
)
def test_a_member_of_another_name_is_refused_and_shown_without_control_characters(
    content: hostile.Members, tmp_path: Path, name: str, said: str
) -> None:
    with pytest.raises(ProgramError, match=f"its member {said}"):
        programs.load(hostile.write(tmp_path / "net.pt2", {**content, name: b""}))


def test_two_members_of_one_name_are_refused(content: hostile.Members, tmp_path: Path) -> None:
    path = hostile.write(tmp_path / "net.pt2", content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile's own, about the name
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(f"archive/{hostile.PROGRAM}", "{}")
    with pytest.raises(ProgramError, match=r"two members 'models/model\.json'"):
        programs.load(path)


def test_a_member_whose_own_header_has_another_name_is_refused(content: hostile.Members, tmp_path: Path) -> None:
    path = hostile.write(tmp_path / "net.pt2", content)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"weight_0", b"weight_9", 1))  # the header before the data comes first
    with pytest.raises(ProgramError, match="File name in directory"):
        programs.load(path)


def test_changed_bytes_of_a_weight_are_noticed(content: hostile.Members, tmp_path: Path) -> None:
    path = hostile.write(tmp_path / "net.pt2", content)
    data = path.read_bytes()
    path.write_bytes(data.replace(content["data/weights/weight_0"], b"\0" * len(content["data/weights/weight_0"])))
    with pytest.raises(ProgramError, match="Bad CRC-32"):
        programs.load(path)


def test_a_second_archive_appended_is_the_one_vetted_and_loaded(content: hostile.Members, tmp_path: Path) -> None:
    path = hostile.write(tmp_path / "net.pt2", content)
    attack = io.BytesIO()
    with zipfile.ZipFile(attack, "w") as archive:
        archive.writestr("archive/data/constants/opaque_obj_0", b"")
    path.write_bytes(path.read_bytes() + attack.getvalue())
    with pytest.raises(ProgramError, match="opaque_obj_0"):
        programs.load(path)


def test_a_bomb_is_refused_before_it_is_unpacked(content: hostile.Members, tmp_path: Path) -> None:
    path = hostile.write(tmp_path / "net.pt2", content)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/weights/weight_7", bytes(50_000_000))
    assert path.stat().st_size < 200_000
    with pytest.raises(ProgramError, match=r"'archive/data/weights/weight_7' is compressed"):
        programs.load(path)


def test_a_bomb_inside_the_example_inputs_is_refused(content: hostile.Members, tmp_path: Path) -> None:
    inner = io.BytesIO(content[hostile.INPUTS])
    with zipfile.ZipFile(inner, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data/7", bytes(50_000_000))
    path = hostile.write(tmp_path / "net.pt2", {**content, hostile.INPUTS: inner.getvalue()})
    with pytest.raises(
        ProgramError, match=r"in data/sample_inputs/model\.pt, its member 'archive/data/7' is compressed"
    ):
        programs.load(path)


def test_example_inputs_whose_parts_hold_each_other_are_refused(content: hostile.Members, tmp_path: Path) -> None:
    """A few hundred bytes, and 2 to the power of 60 ways through them."""
    parts: list[object] = [torch.zeros(1)]
    for _ in range(60):
        parts = [parts, parts]
    inner = io.BytesIO()
    torch.save(((parts,), {}), inner)
    path = hostile.write(tmp_path / "net.pt2", {**content, hostile.INPUTS: inner.getvalue()})
    with pytest.raises(ProgramError, match="parts that contain each other"):
        programs.load(path)


def test_members_that_share_their_bytes_are_refused(content: hostile.Members, tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in {**content, "data/weights/weight_7": bytes(100_000)}.items():
            archive.writestr(f"archive/{name}", data)
        (large,) = [entry for entry in archive.infolist() if entry.filename.endswith("weight_7")]
        for number in range(8, 40):
            entry = zipfile.ZipInfo(f"archive/data/weights/weight_{number}")
            entry.header_offset, entry.CRC = large.header_offset, large.CRC
            entry.compress_size = entry.file_size = large.file_size
            archive.filelist.append(entry)
            archive.NameToInfo[entry.filename] = entry
    with pytest.raises(ProgramError, match=r"its members claim 3,\d{3},\d{3} bytes, but the file has 1\d\d,\d{3}"):
        programs.load(path)
