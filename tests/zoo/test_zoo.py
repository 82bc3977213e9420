"""Every network of the zoo passes in every format, or stands in refusals.toml with what its message has to say.

They share one warm converter per format; ``python -m benchmarks.zoo`` prints the figures.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca_deploy.formats import format_names
from tests.zoo.catalogue import CATALOGUE, Entry
from tests.zoo.keeper import Keeper, Outcome

REFUSALS = tomllib.loads(Path(__file__).with_name("refusals.toml").read_text(encoding="utf-8"))["network"]


@pytest.fixture(scope="session")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeper]:
    with Keeper(tmp_path_factory.mktemp("zoo")) as kept:
        yield kept


def expected(outcome: Outcome) -> tuple[str, str]:
    """The status, and words of the reason."""
    for found in REFUSALS:
        if found["name"] == outcome.entry.name and (not outcome.recipe or outcome.recipe in found["recipes"]):
            return found["status"], found["reason"]
    return "pass", ""


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_it_passes_or_is_refused_with_the_reason(keeper: Keeper, entry: Entry) -> None:
    wrong = []
    for outcome in keeper.outcomes(entry, format_names()):
        status, reason = expected(outcome)
        if outcome.fault or outcome.status != status or reason not in outcome.reason:
            wrong.append(f"{outcome.recipe}: {outcome.status}, not {status} ({reason}): {outcome.reason}")
    assert not wrong


def test_the_list_names_networks_and_recipes_that_exist() -> None:
    names = {entry.name for entry in CATALOGUE}
    for found in REFUSALS:
        assert found["name"] in names
        assert found["status"] in ("fail", "refused")
        assert found["reason"]
