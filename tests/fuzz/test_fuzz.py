"""A short, seeded part of ``benchmarks/fuzz.py``: damaged files of every kind are read, or refused with one message."""

import pytest

from tests.fuzz.campaign import GOOD, tries
from tests.fuzz.subjects import SUBJECTS


@pytest.mark.parametrize("subject", SUBJECTS)
def test_damage_is_read_or_refused(subject: str) -> None:
    found = list(tries(subject, range(40)))
    assert [one.seed for one in found] == list(range(40))
    assert not [one for one in found if one.outcome not in GOOD]
    assert any(one.outcome == "refused" for one in found)
    assert sum(one.inside for one in found) >= 8  # the first parser does not end all of them


def test_the_same_seed_gives_the_same_damage(tmp_path_factory: pytest.TempPathFactory) -> None:
    from tests.fuzz.worker import write

    subject = SUBJECTS["labels"]
    first, second = (write(subject, 7, subject.good(), tmp_path_factory.mktemp("labels")) for _ in range(2))
    assert first.read_bytes() == second.read_bytes() != subject.good()[0]["x.txt"]
