"""Parameters and multiply-adds of the registered networks agree with the paper's tables, or the table says why not."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ca_deploy.cli import app
from ca_deploy.networks.cost import costs
from ca_deploy.records.network_cost import NetworkCost, printed

# The tables of arXiv 2103.02907: network, width, parameters, multiply-adds
PAPER = (
    ("mobilenet_v2", 1.0, "3.5M", "300M"),
    ("mobilenet_v2_se", 1.0, "3.89M", "300M"),
    ("mobilenet_v2_cbam", 1.0, "3.89M", "300M"),
    ("mobilenet_v2_ca", 1.0, "3.95M", "310M"),
    ("mobilenet_v2_ca_r16", 1.0, "4.37M", None),
    ("mobilenet_v2_se", 0.75, "2.86M", None),
    ("mobilenet_v2_cbam", 0.75, "2.86M", None),
    ("mobilenet_v2_ca", 0.75, "2.89M", None),
    ("mobilenet_v2_ca", 0.5, "2.10M", None),
    ("mobilenext", 1.0, "3.5M", "300M"),
    ("mobilenext_se", 1.0, "3.89M", "300M"),
    ("mobilenext_ca", 1.0, "4.09M", "330M"),
    ("efficientnet_b0", 1.0, "5.3M", "390M"),
    ("efficientnet_b0_ca", 1.0, "5.4M", "400M"),
)
DIFFER = {"mobilenext", "mobilenext_se", "mobilenext_ca", "efficientnet_b0_ca"}


@pytest.fixture(scope="module", autouse=True)
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, float], NetworkCost]]:
    """Counted once, in a cache of its own, which the commands of this module find again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CA_DEPLOY_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield {(cost.name, cost.width): cost for cost in costs()}


@pytest.mark.parametrize(("name", "width", "parameters", "multiply_adds"), PAPER)
def test_the_papers_figures_are_beside_the_computed(
    counted: dict[tuple[str, float], NetworkCost],
    name: str,
    width: float,
    parameters: str,
    multiply_adds: str | None,
) -> None:
    published = counted[name, width].published
    assert published is not None
    assert (published.parameters, published.multiply_adds) == (parameters, multiply_adds)


def test_computed_figures_are_the_papers_or_the_table_says_why(
    counted: dict[tuple[str, float], NetworkCost],
) -> None:
    differ = set()
    for cost in counted.values():
        assert not cost.reason
        assert cost.parameters and cost.multiply_adds
        if cost.published is None:
            continue
        pairs = (cost.parameters, cost.published.parameters), (cost.multiply_adds, cost.published.multiply_adds)
        same = all(paper is None or printed(own, paper) == paper for own, paper in pairs)
        assert same == (cost.published.differs is None), cost
        if not same:
            differ.add(cost.name)
    assert {name for name in differ if name.startswith(("mobilenet_v2", "mobilenext", "efficientnet"))} == DIFFER


def test_the_list_prints_both_and_the_reasons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    done = CliRunner().invoke(app, ["list", "models"])
    assert done.exit_code == 0
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("mobilenet_v2_se") and "0.75" not in line
               and "squeeze" not in line)  # fmt: skip
    assert line.split() == ["mobilenet_v2_se", "1", "224", "3.89M", "3.89M", "301.2M", "300M", "73.5", "%"]
    assert "mobilenext_ca: No code was published" in done.stdout
    rows = json.loads(CliRunner().invoke(app, ["list", "models", "--json"]).stdout)
    assert {row["name"]: row["parameters"] for row in rows if row["width"] == 1}["mobilenet_v2_ca"] == 3_950_648


def test_a_cache_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("not a folder")
    code = "from ca_deploy.networks.cost import costs; print(len(costs()))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "CA_DEPLOY_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= len(PAPER)
