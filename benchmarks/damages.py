"""Does parity notice that a file is damaged? Each damage at the smallest strength that changes 1 % of the answers.

    python -m benchmarks.damages --photos flowers --files exported --json damages.json

Exports a classifier (the bundled one), a detector map and a regressor with the static INT8 and the float32 recipes of
ONNX and TFLite, unless ``--files`` has them already; calibrates on ``train`` and compares on photos of ``val``. Then
damages each file in the ways of ``tests/evaluation/damages/catalogue.py``. Prints a Markdown row per damage. Answers of
damaged files are kept beside the file, so that other statistics can judge them again in seconds.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import ca_deploy
from benchmarks import damage_record
from ca_deploy.data.folders import images_below
from ca_deploy.data.images import hash_images, load_batch
from ca_deploy.evaluation.predictor import open_predictor
from ca_deploy.formats import find_format
from ca_deploy.networks.source import Network, load
from ca_deploy.pipeline.verify import reference_answers
from ca_deploy.recipes import load_recipe
from ca_deploy.records.codec import to_json
from ca_deploy.records.parity import Status
from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.samples import Samples
from tests.evaluation.damages.catalogue import DAMAGES
from tests.evaluation.damages.networks import SIDE
from tests.evaluation.damages.setting import Kind
from tests.evaluation.damages.subject import Subject
from tests.evaluation.damages.trial import Verdict, Weakest, judge, weakest

NETWORKS: dict[Kind, ca_deploy.ModelSource] = {
    "classifier": ca_deploy.ModelSource(),
    "detector": ca_deploy.ModelSource(model="tests.evaluation.damages.networks:detector", input_size=SIDE),
    "regressor": ca_deploy.ModelSource(model="tests.evaluation.damages.networks:regressor", input_size=SIDE),
}
IMAGES = 128
RECIPES = ("onnx_static_wi8_ai8", "tflite_static_wi8_ai8", "onnx_float32", "tflite_float32")


def exported(source: ca_deploy.ModelSource, recipes: list[str], photos: Path, folder: Path) -> dict[Path, Tolerances]:
    """The files, and what their recipes tolerate now; those that are there already are not made again."""
    found, missing = {}, []
    for name in recipes:
        recipe = load_recipe(name)
        path = folder / f"{source.stem}.{recipe.name}{find_format(recipe.format).suffix}"
        found[path] = recipe.tolerances
        if not path.exists():
            missing.append(name)
    if missing:
        train = str(photos / "train")
        ca_deploy.export(source, recipes=missing, calibration=train, calibration_count=IMAGES, output=folder)
    return found


def held_out(network: Network, photos: Path) -> Samples:
    (taken,) = network.signature.inputs
    folder = photos / "val"
    files = hash_images(images_below(folder).paths, folder)
    batch, *_ = load_batch(files, IMAGES, network.signature.photo_or_refuse("the benchmark"))
    return Samples({taken.name: batch.pixels}, batch.sha256)


def subjects(kind: Kind, recipes: list[str], photos: Path, folder: Path) -> Iterator[Subject]:
    source = NETWORKS[kind]
    files = exported(source, recipes, photos, folder)
    network = load(source)
    reference = reference_answers(network, held_out(network, photos))
    for path, tolerances in files.items():
        predictor = replace(open_predictor(path), task=network.task)
        yield Subject.of(kind, path, predictor, tolerances, reference)


def attempts(subject: Subject, guesses: dict[str, float]) -> list[Weakest]:
    """All damages of a file; found earlier, they are read from beside it. Adds to ``guesses``, by damage."""
    record = subject.path.with_suffix(".damages.npz")
    found = {one.damage.name: one for one in damage_record.load(record)}
    with tempfile.TemporaryDirectory() as folder:
        for damage in DAMAGES:
            if damage.name not in found:
                one = found[damage.name] = weakest(damage, subject, Path(folder), guesses.get(damage.name))
                print(f"{subject.path.name}: {damage.name}, {one.strength or one.does_not_apply}", flush=True)
                damage_record.save(record, list(found.values()))
    guesses |= {name: one.strength for name, one in found.items() if one.strength}
    return [found[damage.name] for damage in DAMAGES]


def cell(verdict: Verdict) -> str:
    if verdict.report is None:
        return verdict.found.does_not_apply
    outcome = "caught" if verdict.caught else "fails, unnamed" if verdict.failed else "**passes**"
    return f"{verdict.found.strength:.2g}: {outcome}"


def print_table(verdicts: dict[str, list[Verdict]]) -> None:
    """By file, of files that pass undamaged; the damages are in the same order for each."""
    print("\n| damage | " + " | ".join(verdicts) + " |\n|---|" + "---|" * len(verdicts))
    applying = []
    for row in zip(*verdicts.values(), strict=True):
        print(f"| {row[0].found.damage.name} | " + " | ".join(map(cell, row)) + " |")
        applying.append([verdict for verdict in row if verdict.report is not None])
    whole = [row for row in applying if row and all(verdict.caught for verdict in row)]
    every = [verdict for row in applying for verdict in row]
    print(
        f"\nCaught and named in every file that they apply to: {len(whole)} of {sum(map(bool, applying))} damages. Of "
        f"{len(every)} damaged files, {sum(one.failed for one in every)} fail, and {sum(one.caught for one in every)} "
        "with the damaged part named."
    )


def plain(verdict: Verdict) -> dict[str, object]:
    found = verdict.found
    return {
        "damage": found.damage.name,
        "strength": found.strength,
        "changed_percent": found.changed_percent,
        "does_not_apply": found.does_not_apply,
        "failed": verdict.failed,
        "named": verdict.named,
        "report": json.loads(to_json(verdict.report)) if verdict.report else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder with train/<class> and val/<class>")
    parser.add_argument("--files", type=Path, required=True, help="folder of the exported files")
    parser.add_argument("--recipes", nargs="*", default=list(RECIPES))
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=list(NETWORKS))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.files.mkdir(parents=True, exist_ok=True)
    verdicts: dict[str, list[Verdict]] = {}
    undamaged = {}
    for kind in args.networks:
        guesses: dict[str, float] = {}
        for subject in subjects(kind, args.recipes, args.photos, args.files):
            name = subject.path.name
            report = undamaged[name] = subject.parity()
            noise = f"{subject.noise_percent:.1f} % other answers than PyTorch"
            print(f"{name}, undamaged: {report.status} {report.reason}; {noise}", flush=True)
            with tempfile.TemporaryDirectory() as scratch:
                verdicts[name] = [judge(found, subject, Path(scratch)) for found in attempts(subject, guesses)]
    print_table({name: found for name, found in verdicts.items() if undamaged[name].status == Status.PASS})
    if args.json:
        content = {name: [plain(verdict) for verdict in found] for name, found in verdicts.items()}
        clean = {name: json.loads(to_json(report)) for name, report in undamaged.items()}
        args.json.write_text(json.dumps({"undamaged": clean, "damages": content}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
