"""Label files as editors and downloads leave them."""

from pathlib import Path

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.networks.labels import check_label_count, check_labels, labels_of
from ca_deploy.records.model import ModelSource
from ca_deploy.records.signature import NetworkOutput, Signature
from ca_deploy.tasks import find_task


def read(path: Path, content: bytes) -> tuple[str, ...] | None:
    path.write_bytes(content)
    return labels_of(ModelSource(labels=path), {})


@pytest.mark.parametrize(
    "content",
    [b"daisy\nrose\n", b"\xef\xbb\xbfdaisy\r\nrose\r\n", b"\n daisy \n\nrose", b"daisy\rrose\r"],
    ids=["plain", "byte order mark and CRLF", "blank lines and spaces", "old Mac"],
)
def test_names_are_what_a_reader_sees(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path / "labels.txt", content) == ("daisy", "rose")


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has 'rose' more than once"):
        read(tmp_path / "labels.txt", b"rose\ndaisy\nrose\n")


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="one name per line"):
        read(tmp_path / "labels.txt", "Gänseblümchen\n".encode("utf-16"))


@pytest.mark.parametrize(
    ("task", "said"), [("segmentation", "line, the background's too, in"), ("detection", "line, none for")]
)
def test_a_wrong_number_of_labels_says_what_the_task_makes_of_the_background(task: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_label_count("net", 6, ["a"] * 7, find_task(task).labels_hint)


def test_labels_are_as_many_as_the_classes() -> None:
    def signature(*shapes: tuple[int, ...]) -> Signature:
        return Signature((), tuple(NetworkOutput(f"o{number}", shape) for number, shape in enumerate(shapes)))

    check_labels("net", signature((1, 3)), ("a", "b", "c"))
    check_labels("net", signature((1, 1)), ("no", "yes"))
    check_labels("net", signature((1, 3), (1, 4)), ("a",))
    check_labels("net", signature((1, 3, 8, 8)), ("a",))
    check_labels("net", signature((1, 3)), None)
    with pytest.raises(UsageError, match="net has 3 outputs, but there are 2 labels"):
        check_labels("net", signature((1, 3)), ("no", "yes"))
