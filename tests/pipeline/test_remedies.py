"""What `check` advises is done here, and the finding is gone."""

from collections import Counter
from itertools import product
from typing import NamedTuple

import pytest

import ca_deploy
from ca_deploy import ModelSource
from ca_deploy.compat.advice import is_opposed
from ca_deploy.compat.check import check
from ca_deploy.pipeline.export import Export
from ca_deploy.records.compat import CompatReport
from ca_deploy.targets import targets_for

_OLDER = {".tflite": ["nnapi:28"]}


class Wish(NamedTuple):
    target: str
    operator: str
    remedy: str
    recipe: str
    is_marked: bool


def _reports(export: Export) -> list[CompatReport]:
    return check(export.path, [*targets_for(export.path), *_OLDER.get(export.path.suffix, [])])


def test_the_recipe_in_a_remedy_makes_the_finding_go_away(exports: dict[str, Export]) -> None:
    reports = {recipe: {report.target: report for report in _reports(export)} for recipe, export in exports.items()}
    followed: Counter[tuple[str, str]] = Counter()
    for recipe, by_target in reports.items():
        for target, report in by_target.items():
            for found in report.findings:
                if found.recipe not in exports:
                    continue
                assert found.recipe != recipe
                assert f"ca-deploy export … --recipe {found.recipe}" in found.remedy
                left = {(f.operator, f.reason) for f in reports[found.recipe][target].findings}
                assert (found.operator, found.reason) not in left, f"{recipe} on {target}: {found}"
                followed[target, found.recipe] += 1
    assert {target for target, _ in followed} >= {
        "edgetpu", "hexagon", "tflite_coreml", "xnnpack", "nnapi:28", "litert_gpu", "ort_coreml"
    }  # fmt: skip


def test_nobody_is_sent_from_one_target_to_what_another_rejects(exports: dict[str, Export]) -> None:
    """What two targets want of one operator is the same, or marked as the wish of one."""
    marked = 0
    for export in exports.values():
        reports = _reports(export)
        wishes = {
            Wish(report.target, found.operator, found.remedy, found.recipe, is_opposed(kind, report, reports))
            for report in reports
            for kind in report.kinds
            for found in report.members(kind)
            if found.remedy
        }
        for one, other in product(wishes, wishes):
            if one.operator == other.operator and one.target != other.target and not _agree(one, other, wishes):
                assert one.is_marked, f"{one} and {other}"
                marked += 1
    assert marked


def _agree(one: Wish, other: Wish, wishes: set[Wish]) -> bool:
    """As recipes, one of which is the other and more, or as changes that one of the targets wants both of."""
    if one.recipe or other.recipe:
        return one.recipe.startswith(other.recipe) or other.recipe.startswith(one.recipe)
    wanted = {(wish.target, wish.remedy) for wish in wishes}
    return (one.target, other.remedy) in wanted or (other.target, one.remedy) in wanted


@pytest.mark.parametrize(
    ("target", "advised", "operators"),
    [("xnnpack", "Folded", {"HARD_SWISH"}), ("ort_cpu", "Pooled", {"HardSwish"})],
)
def test_a_network_written_as_advised_has_no_findings(target: str, advised: str, operators: set[str]) -> None:
    def report(network: str) -> CompatReport:
        source = ModelSource(f"tests.pipeline.advised:{network}", input_size=32)
        (found,) = ca_deploy.check(before=source, targets=[target], int8=True)
        return found

    found = report("Found")
    assert operators <= {finding.operator for finding in found.findings if finding.remedy}
    assert report(advised).findings == ()
