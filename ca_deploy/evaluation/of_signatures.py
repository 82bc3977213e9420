"""The signatures of a TFLite file, each as a file of its own, and what comparisons of them say together."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ca_deploy.evaluation import metrics
from ca_deploy.records.parity import ParityReport, Status

_WORST = (Status.FAIL, Status.SKIPPED, Status.PASS)


def signatures_of(file: Path) -> tuple[str, ...]:
    """The keys of the signatures in the order of the file; () unless it is a .tflite with several.

    Raises:
        ArtifactError: the file is damaged.
    """
    if file.suffix != ".tflite":
        return ()
    from ca_deploy.graphs import tflite

    keys = [one.signatureKey.decode(errors="replace") for one in tflite.load(file).signatureDefs or ()]
    return tuple(dict.fromkeys(keys)) if len(set(keys)) > 1 else ()


def single(file: Path, key: str, folder: Path) -> Path:
    """A copy in ``folder``, under the same name, whose main graph is that of a signature, which it has alone."""
    from ca_deploy.graphs import flatbuffer, tflite
    from ca_deploy.graphs.subgraphs import with_first

    model = tflite.load(file)
    chosen = next(one for one in model.signatureDefs if one.signatureKey.decode(errors="replace") == key)
    found = with_first(model, chosen.subgraphIndex)
    found.signatureDefs = [one for one in found.signatureDefs if one.signatureKey == chosen.signatureKey]
    folder.mkdir()
    (folder / file.name).write_bytes(flatbuffer.write(found))
    return folder / file.name


def of_signatures(reports: Mapping[str, ParityReport]) -> ParityReport:
    """One report: the worst status and figures, and all outputs, each with its signature."""
    every = list(reports.values())
    return replace(
        every[0],
        status=min((report.status for report in every), key=_WORST.index),
        reason="; ".join(f"{key}: {report.reason}" for key, report in reports.items() if report.reason),
        max_abs_error=metrics.largest(report.max_abs_error for report in every),
        sqnr_db=metrics.smallest(report.sqnr_db for report in every),
        cosine=metrics.smallest(report.cosine for report in every),
        outputs=tuple(
            replace(given, name=f"{key}/{given.name}") for key, report in reports.items() for given in report.outputs
        ),
        inputs=tuple(
            replace(taken, name=f"{key}/{taken.name}") for key, report in reports.items() for taken in report.inputs
        ),
    )
