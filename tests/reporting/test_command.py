"""The command: what it prints and writes, and its exit codes."""

import json
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

import ca_deploy
from ca_deploy.cli import app
from ca_deploy.render.report.origin import export_command
from ca_deploy.reporting.collection import collect
from tests.reporting import kit
from tests.reporting.kit import FILES


def test_the_answer_is_printed_and_the_page_written(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = kit.run("report", folder)
    assert said.startswith("Ship tiny_trained.onnx_") and "written: report.html" in said
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_markdown_is_the_same_and_json_the_choice(folder: Path, tmp_path: Path) -> None:
    said = kit.run("report", folder, "--markdown")
    for heading in ("Which file to ship", "Files", "Parity with PyTorch", "Accuracy", "Speed", "Where delegates break"):
        assert f"## {heading}" in said
    kit.run("report", folder, "--output", tmp_path / "x.md")
    assert (tmp_path / "x.md").read_text(encoding="utf-8") == said
    found = json.loads(kit.run("report", folder, "--json", "--output", tmp_path / "x.html"))
    (choice,) = found["choices"]
    assert choice["recommended"] in FILES and len(choice["plots"][0]["points"]) == 2 and found["problems"] == {}


def test_what_is_damaged_is_named_and_the_exit_code_is_1(folder: Path, tmp_path: Path) -> None:
    made = kit.changed(folder, tmp_path / "copy", here_latency_json=lambda content: content.update(schema_version=7))
    for more in ((), ("--markdown",), ("--json",)):
        done = CliRunner().invoke(app, ["report", str(made), "--output", str(tmp_path / "x.html"), *more])
        assert done.exit_code == 1 and "schema version 7" in done.output.replace("\n", " ")
    assert "schema version 7" in (tmp_path / "x.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["none"], "none does not exist"),
        (["."], "no manifest of an exported file"),
        ([".", "--output", "x.pdf"], ".html or .md"),
        ([".", "--within", "-1"], "--within -1"),
        ([".", "--json", "--markdown"], "contradict"),
    ],
)
def test_bad_input(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["report", *arguments])
    assert done.exit_code == 2 and said in done.output and not list(tmp_path.iterdir())


def test_the_command_of_a_file_makes_the_same_bytes_again(folder: Path, tmp_path: Path) -> None:
    found = collect([folder]).files[0].manifest
    program, *words = export_command(found).split()
    assert program == "ca-deploy" and words[-2:] == ["--output", "."]
    words[words.index("--labels") + 1] = str(folder / words[words.index("--labels") + 1])
    kit.run(*words[:-1], tmp_path)
    assert (tmp_path / found.file).read_bytes() == (folder / found.file).read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        "--recipe onnx_static_wi8_ai8 --calibration random --calibration-count 24 --held-out 40 --batch 2 "
        "--check ort_cpu",
        "--recipe onnx_float32 --calibration random --dynamic-batch --dynamic-size --lowering reference",
    ],
)
def test_the_options_are_in_the_command(options: str, tmp_path: Path) -> None:
    made = ["export", "tests.zoo.tiny:tiny_trained", "--input-size", 32]
    kit.run(*made, *options.split(), "--output", tmp_path / "first")
    found = collect([tmp_path / "first"]).files[0].manifest
    words = shlex.split(export_command(found))[1:-1]
    assert set(options.split()) <= set(words)
    kit.run(*words, tmp_path / "again")
    again = collect([tmp_path / "again"]).files[0].manifest
    assert replace(again, speed=None) == replace(found, speed=None)


def test_a_recipe_of_the_users_own_is_called_a_file(folder: Path) -> None:
    """Also where it is called as one of ca-deploy's, which makes another file."""
    found = collect([folder]).files[1].manifest
    assert "--recipe onnx_static_wi8_ai8 " in export_command(found)
    for own in (replace(found.recipe, name="mine"), replace(found.recipe, percentile=90.0)):
        words = export_command(replace(found, recipe=own)).split()
        assert words[words.index("--recipe") + 1] == f"{own.name}.toml"


def test_the_classes_are_on_the_page(folder: Path) -> None:
    said = kit.run("report", folder, "--markdown")
    assert "5 of 5 classes, the lowest first" in said and "| sunflowers |" in said


def test_the_command_of_the_page_has_what_decided(folder: Path) -> None:
    for within in ("0.5", "0.72463768", "1"):
        said = kit.run("report", folder, "--markdown", "--within", within)
        assert f"ca-deploy report {folder} --within {within}\n" in said


def test_the_function_writes_nothing_without_an_output(folder: Path, tmp_path: Path) -> None:
    made = ca_deploy.report(str(folder))
    assert made.choices[0].recommended in FILES and not made.collection.problems
    with pytest.raises(ca_deploy.CaDeployError, match="Name a folder"):
        ca_deploy.report([])


def test_a_page_of_very_many_samples_and_nodes_stays_small(folder: Path, tmp_path: Path) -> None:
    def long(content: dict[str, list[dict[str, list[dict[str, list[int]]]]]]) -> None:
        for found in content["measurements"]:
            for start in found["starts"]:
                for key in ("invoke_ns", "start_ns", "set_input_ns", "get_output_ns"):
                    start[key] = [value for value in start[key] for _ in range(300)]

    def wide(content: list[dict[str, object]]) -> None:
        content[0] |= {"nodes": 10**15, "accelerated_nodes": 10**15}

    changes = {"here_latency_json": long, f"{FILES[0]}.compat.json".replace(".", "_"): wide}
    kit.run("report", folder, "--output", tmp_path / "small.html")
    kit.run("report", kit.changed(folder, tmp_path / "copy", **changes), "--output", tmp_path / "large.html")  # type: ignore[arg-type]
    sizes = [(tmp_path / name).stat().st_size for name in ("small.html", "large.html")]
    assert sizes[1] < sizes[0] * 1.5
