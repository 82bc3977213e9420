"""Records with any number or text in any place: a page is made, or the record is named; never a traceback."""

import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ca_deploy.api.report import WITHIN
from ca_deploy.errors import UsageError
from ca_deploy.render.report.document import document
from ca_deploy.reporting import Report
from ca_deploy.reporting.choose import choices
from ca_deploy.reporting.collection import collect
from tests.reporting import kit

NUMBERS = (0, -1, 1, 10**18, 2**63, 1e308, -1e308, float("nan"), float("inf"), 1e-320, 0.5, 101.0)
TEXTS = ("", "x" * 5000, "\ud800", "<b>", "pass", "fail")


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value[:3]) if isinstance(value, list) else ()
    if not isinstance(value, dict) and path:
        yield path
    for key, one in inner:
        yield from _leaves(one, (*path, key))


def _damage(content: Any, chance: random.Random) -> None:
    """One place, by its kind: all samples together are as likely as the name of the device."""
    kinds: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
    for path in _leaves(content):
        kinds.setdefault(tuple("*" if isinstance(step, int) else step for step in path), []).append(path)
    *steps, last = chance.choice(chance.choice(list(kinds.values())))
    for step in steps:
        content = content[step]
    old = content[last]
    if isinstance(old, list):
        content[last] = []
    elif isinstance(old, str):
        content[last] = chance.choice(TEXTS)
    else:
        content[last] = chance.choice(NUMBERS)


def _page(folder: Path) -> None:
    try:
        found = collect([folder])
    except UsageError as refused:  # no manifest is left
        assert "no manifest" in str(refused)
        return
    made = Report(found, choices(found.files, WITHIN), "today", "0.1.0")
    assert document(made, ".html") and document(made, ".md")


@pytest.mark.parametrize("seed", range(24))
def test_damage_is_shown_or_named(folder: Path, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    made = shutil.copytree(folder, tmp_path / "copy")
    for _ in range(4):
        path = chance.choice(sorted(made.glob("*.json")))
        content = json.loads(path.read_text())
        _damage(content, chance)
        path.write_text(json.dumps(content))
        _page(made)


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("here.latency.json", ("measurements", 0, "statistics", "median_ms"), 1e308),
        ("here.latency.json", ("measurements", 0, "starts", 0, "began_at_s"), 1e300),
        ("tiny_trained.onnx_float32.onnx.accuracy.json", ("images",), 10**300),
        ("tiny_trained.onnx_float32.onnx.accuracy.json", ("top1",), float("nan")),
        ("gates.json", (0, "blocks", 0, "values", "rows"), []),
    ],
)
def test_what_cannot_be(folder: Path, tmp_path: Path, name: str, path: tuple[Any, ...], value: Any) -> None:
    made = shutil.copytree(folder, tmp_path / "copy")
    content = json.loads((made / name).read_text())
    inner = content
    for step in path[:-1]:
        inner = inner[step]
    assert path[-1] in inner
    inner[path[-1]] = value
    (made / name).write_text(json.dumps(content))
    _page(made)


def test_a_manifest_without_inputs_has_a_page(folder: Path, tmp_path: Path) -> None:
    """Where its command says nothing of a batch."""
    made = kit.changed(
        folder, tmp_path / "copy", tiny_trained_onnx_float32_json=lambda content: content.update(inputs=[])
    )
    kit.run("report", made, "--output", tmp_path / "x.html")
    assert "--batch" not in (tmp_path / "x.html").read_text(encoding="utf-8")


def test_a_number_of_any_length_is_named(folder: Path, tmp_path: Path) -> None:
    def huge(content: dict[str, Any]) -> None:
        content["images"] = 10**400

    made = kit.changed(folder, tmp_path / "copy", **{f"{kit.FILES[0]}.accuracy.json".replace(".", "_"): huge})
    kit.run("report", made, "--output", tmp_path / "x.html", code=1)
    assert "images is 1e+300" in (tmp_path / "x.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        (f"{kit.FILES[0]}.accuracy", {"top1": 99.0}, "top1 is 99 %, and its figures say"),
        (f"{kit.FILES[0]}.accuracy", {"confusions": []}, "confusions leave 100 %"),
        ("here.latency", {"measured_on": "yesterday"}, "measured_on is 'yesterday'"),
        (Path(kit.FILES[0]).stem, {"parity": {"images": 0}}, "status is pass on 0 images"),
        (Path(kit.FILES[1]).stem, {"parity": {"agreement": 50.0}}, "status is pass at an agreement of 50 %"),
        (Path(kit.FILES[1]).stem, {"parity": {"sqnr_db": -20.0}}, "status is pass at an SQNR of -20 dB"),
        (Path(kit.FILES[0]).stem, {"size_bytes": 10}, "its size_bytes is 10, and tiny_trained.onnx_float32.onnx has"),
        (f"{kit.FILES[0]}.accuracy", {"top5": 1.0, "top1": 20.0}, "top"),
    ],
    ids=["figures", "confusions", "date", "no images", "agreement", "SQNR", "size", "top-5"],
)
def test_a_record_that_contradicts_itself_is_named(
    folder: Path, tmp_path: Path, name: str, change: dict[str, Any], said: str
) -> None:
    def contradict(content: dict[str, Any]) -> None:
        for key, value in change.items():
            content[key] = content[key] | value if isinstance(value, dict) else value

    made = kit.changed(folder, tmp_path / "copy", **{f"{name}.json".replace(".", "_"): contradict})
    assert said in kit.run("report", made, "--markdown", code=1).replace("\\", "")


def test_two_classes_of_one_name_are_no_damage_and_a_count_of_any_length_is_named(folder: Path, tmp_path: Path) -> None:
    """A checkpoint's own labels may have a name twice, as ImageNet's have."""

    def with_count(count: int) -> Callable[[dict[str, Any]], None]:
        def change(content: dict[str, Any]) -> None:
            wrong = sum(one["count"] for one in content["confusions"])
            content["confusions"] = [{"truth": "crane", "answer": "crane", "count": count or wrong}]

        return change

    name = f"{kit.FILES[0]}.accuracy.json".replace(".", "_")
    kit.run("report", kit.changed(folder, tmp_path / "named", **{name: with_count(0)}), "--json")
    made = kit.changed(folder, tmp_path / "huge", **{name: with_count(10**400)})
    assert "with 'crane' is 1e+300" in kit.run("report", made, "--markdown", code=1)


def test_a_median_outside_of_its_samples_and_a_part_above_the_whole_are_named(folder: Path, tmp_path: Path) -> None:
    def fast(content: dict[str, Any]) -> None:
        content["measurements"][0]["statistics"] |= {"median_ms": 1e-5}

    made = kit.changed(folder, tmp_path / "copy", here_latency_json=fast)
    said = kit.run("report", made, "--markdown", code=1).replace("\\", "")
    assert "median_ms is 1e-05, outside of its samples" in said
    counts = {"total": 5, "simd": 9, "dot_product": 0, "load_store": 0, "branch": 0}

    def few(content: dict[str, Any]) -> None:
        content["measurements"][0]["instructions"] = counts

    made = kit.changed(folder, tmp_path / "other", here_latency_json=few)
    assert "instructions are 5 in all and 9 of one kind" in kit.run("report", made, "--markdown", code=1)


def test_where_no_file_may_be_shipped_there_is_a_page(folder: Path, tmp_path: Path) -> None:
    def fails(content: dict[str, Any]) -> None:
        content["parity"]["status"] = "fail"

    names = [Path(file).with_suffix(".json").name.replace(".", "_") for file in kit.FILES]
    made = kit.changed(folder, tmp_path / "copy", **dict.fromkeys(names, fails))
    kit.run("report", made, "--output", tmp_path / "x.html")
    assert "None may be shipped." in (tmp_path / "x.html").read_text(encoding="utf-8")
