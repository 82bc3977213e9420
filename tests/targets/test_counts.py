"""Headline figures are the runtimes' own: of the installed LiteRT, and of the one that ``profile`` sends to devices."""

import re
from pathlib import Path

import pytest

import ca_deploy
from ca_deploy.errors import UsageError
from ca_deploy.graphs import flatbuffer, read
from ca_deploy.records.compat import CompatReport
from ca_deploy.targets import Request, find_target
from ca_deploy.targets._tflite_versions import INSTALLED, runtime_for
from tests.devices.kit import Kit
from tests.targets.counts import installed_partitions, models


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("counts")
    found = []
    for number, (_, model) in enumerate(models()):
        found.append(folder / f"{number}.tflite")
        found[-1].write_bytes(flatbuffer.write(model))
    assert len(found) >= 25
    return found


def _checked(path: Path, name: str) -> CompatReport:
    """In this process: none of these models crashes."""
    target, level = find_target(name)
    return target.load_checker()(Request(target.name, path, read(path), level, lambda _: None, lambda _: ""))


def test_partitions_are_those_of_the_installed_runtime(files: list[Path]) -> None:
    names = [name for name, _ in models()]
    found = {name: _checked(path, "xnnpack") for name, path in zip(names, files, strict=True)}
    real = {name: installed_partitions(path) for name, path in zip(names, files, strict=True)}
    assert {n: None if r.refused else r.measured_partitions for n, r in found.items()} == real
    assert {n: r.partitions for n, r in found.items() if not r.refused} == {
        n: c for n, c in real.items() if c is not None
    }
    assert sum(count is None for count in real.values()) >= 2


def test_nodes_and_partitions_are_those_that_profile_sees(arm_kit: Kit, files: list[Path]) -> None:
    report = ca_deploy.profile(files, "emulated:cortex-a76", runs=1, min_seconds=0, starts=1)
    seen: dict[Path, list[int]] = {}
    for one in report.measurements:
        words = re.fullmatch(r"XNNPACK: (\d+) partitions?, (\d+) of (\d+) nodes", one.engine.delegate or "")
        assert words, one.engine.delegate
        before = seen.get(Path(one.file), [0, 0, 0])
        seen[Path(one.file)] = [a + int(b) for a, b in zip(before, words.groups(), strict=True)]
    assert len(seen) >= len(files) - 3
    for path in files:
        found = _checked(path, "xnnpack:1.4")
        mine = None if found.refused else [found.measured_partitions, found.accelerated_nodes, len(found.nodes)]
        assert mine == seen.get(path), path


def test_versions_of_litert_and_of_tflite() -> None:
    assert runtime_for("") == runtime_for("litert-2.3") == runtime_for(f"litert-{INSTALLED}") == (INSTALLED, "")
    assert runtime_for("1.4") == runtime_for("1.4.0") == runtime_for("litert-1.4") == ("1.4.0", "")
    assert runtime_for("2.14") == (INSTALLED, "2.14") and runtime_for("1.14") == (INSTALLED, "1.14")
    for level, said in (
        ("1.2", "LiteRT 1.2 is not here"),
        ("litert-2.0", "LiteRT 2.0 is not here"),
        ("new", "not a version"),
    ):
        with pytest.raises(UsageError, match=said):
            runtime_for(level)
