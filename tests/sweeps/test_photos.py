"""`evaluate --scheduler`: the same report, whoever answers to which photo."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

import ca_deploy
from ca_deploy.cli import app
from ca_deploy.errors import CaDeployError
from ca_deploy.records.model import ModelSource
from ca_deploy.records.sweep import SweepRecord
from ca_deploy.sweeps import photos
from tests.sweeps.kit import RECIPES

SOURCE = ModelSource(input_size=8, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
BLUE, GREEN, RED = (20, 20, 230), (20, 230, 20), (230, 20, 20)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """36 photos of three colours, one of which cannot be read, and some of which are of another colour; relative."""
    monkeypatch.chdir(tmp_path)
    for name, colours in {"blue": (BLUE, GREEN), "green": (GREEN, RED), "red": (RED, RED)}.items():
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            shown = [value - number for value in colours[number % 5 == 4]]
            Image.new("RGB", (10, 10 + number), tuple(shown)).save(tmp_path / "data" / name / f"{number:02}.png")
    (tmp_path / "data" / "green" / "03.png").write_bytes(b"not a picture")
    monkeypatch.setattr(photos, "_FEWEST", 4)
    return Path("data")


def test_a_pair_of_networks(data: Path, two_machines: str) -> None:
    def report(scheduler: str | None) -> ca_deploy.AccuracyReport:
        other = "tests.zoo.tiny:colour_blind"
        return ca_deploy.evaluate("tests.zoo.tiny:colour", data, against=other, source=SOURCE, scheduler=scheduler)

    doing: list[int] = []
    alone = report(None)
    assert alone.images == 35
    assert alone.paired is not None
    assert alone.paired.sqnr_db is not None
    assert alone.unreadable[0].count(f"{data}/green/03.png") == 1
    assert report(two_machines) == alone
    ca_deploy.evaluate(
        "tests.zoo.tiny:colour",
        data,
        source=SOURCE,
        scheduler=two_machines,
        progress=lambda done, _: doing.append(done),
    )
    assert len(doing) == 8  # shares
    assert max(doing) == 36


def test_an_exported_file(data: Path, two_machines: str, swept: tuple[Path, SweepRecord]) -> None:
    """Its manifest goes with it, and it is named by a relative path."""
    for path in (swept[0] / "out").glob(f"tiny_trained.{RECIPES[0]}.*"):
        shutil.copy(path, path.name)
    for name in ("purple", "white"):  # as many classes as the file has
        shutil.copytree(data / "red", data / name)
    file = f"tiny_trained.{RECIPES[0]}.onnx"
    assert ca_deploy.evaluate(file, data, scheduler=two_machines) == ca_deploy.evaluate(file, data)


def test_what_evaluate_refuses_is_refused_the_same(data: Path, two_machines: str, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    words = ["evaluate", "tests.zoo.tiny:colour", "--data", "data", "--input-size", "8", "--labels", "labels.txt"]
    alone = CliRunner().invoke(app, words)
    shared = CliRunner().invoke(app, [*words, "--scheduler", two_machines])
    assert alone.exit_code == shared.exit_code == 2
    assert [line for line in shared.output.splitlines() if line.startswith("Error")] == [
        line for line in alone.output.splitlines() if line.startswith("Error")
    ]


def test_a_worker_that_sees_other_photos_ends_it(
    data: Path, two_machines: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(photos, "inputs_of", lambda question: {"data": "other"})
    with pytest.raises(CaDeployError, match="sees another data than the client"):
        ca_deploy.evaluate("tests.zoo.tiny:colour", data, source=SOURCE, scheduler=two_machines)


@pytest.mark.parametrize(("total", "workers"), [(1, 4), (15, 2), (100, 3), (1000, 2)])
def test_shares_are_all_photos_in_order(total: int, workers: int) -> None:
    shares = photos._shares(total, workers)
    assert [row for rows in shares for row in rows] == list(range(total))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
