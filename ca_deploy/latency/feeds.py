"""What a file is fed with on a device: samples of the user's, photos, or noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.data import arrays
from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, load_calibration, load_spec
from ca_deploy.errors import UsageError
from ca_deploy.evaluation.bare_file import plain_signature
from ca_deploy.evaluation.predictor import Predictor, described_predictor, file_predictor
from ca_deploy.records.manifest import manifest_of
from ca_deploy.records.samples import Samples
from ca_deploy.records.tensors import TensorSpec
from ca_deploy.runtimes import Session
from ca_deploy.tasks import FALLBACK, find_task

CASES = 4

Arrays = list[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Feeds:
    """The file's inputs in order, for each case; ``description`` is for the report."""

    cases: tuple[Arrays, ...]
    description: str


def feeds_for(file: Path, session: Session, samples: Path | None = None, most: int = CASES) -> Feeds:
    """From a file of samples, if one is named; otherwise photos, as the manifest says, or noise from a fixed seed.

    Raises:
        ImageDataError: the samples do not match the file's inputs.
        UsageError: the file takes tensors of any size, and nothing says which.
    """
    manifest = manifest_of(file)
    if samples is not None:
        if manifest is not None:
            predictor = described_predictor(manifest, session)
        else:
            signature, task = plain_signature(session), find_task(FALLBACK)
            predictor = file_predictor(file.name, session, session.inputs, session.outputs, signature, task, None)
        return _of(predictor, session, arrays.load(samples, predictor.signature), str(samples), most)
    if manifest is not None:
        predictor, spec = described_predictor(manifest, session), load_spec(NOT_YOUR_DOMAIN)
        few = replace(spec, count=1, held_out=most * predictor.batch)
        held_out = load_calibration(few, predictor.signature).held_out
        return _of(predictor, session, held_out, spec.name, most)
    refuse_open_sides(file, session.inputs)
    random = np.random.default_rng(0)
    return Feeds(tuple(_noise(session, random) for _ in range(most)), f"{most} inputs of noise")


def _of(predictor: Predictor, session: Session, samples: Samples, source: str, most: int) -> Feeds:
    chosen = samples.first(most * predictor.batch)
    fed = [predictor.feeds(rows) for rows in chosen.batches(predictor.batch)]
    kind = "photos" if predictor.signature.photo else "samples"
    cases = tuple([feed[tensor.name] for tensor in session.inputs] for feed in fed)
    return Feeds(cases, f"{len(chosen)} {kind} of {source}")


def refuse_open_sides(file: Path, inputs: Sequence[TensorSpec]) -> None:
    """Refuse a file that leaves more open than the batch: with sides of 1, it would compute next to nothing.

    Raises:
        UsageError: it does.
    """
    for tensor in inputs:
        if any(side < 1 for side in tensor.shape[1:]):
            raise UsageError(
                f"{file} takes {tensor.name} {tensor.shape} of any size, and the runners feed the size that a "
                "file has. Export it for the size to measure, without --dynamic-size and --sizes."
            )


def _noise(session: Session, random: np.random.Generator) -> Arrays:
    case = []
    for tensor in session.inputs:
        shape = [max(1, side) for side in tensor.shape]
        if tensor.dtype.startswith("float"):
            case.append(random.standard_normal(shape).astype(tensor.dtype))
        elif tensor.dtype == "bool":
            case.append(random.integers(0, 2, shape).astype(np.bool_))
        else:
            limits = np.iinfo(tensor.dtype)
            case.append(random.integers(limits.min, limits.max, shape, tensor.dtype, endpoint=True))
    return case


def write_case(values: Sequence[NDArray[Any]], folder: Path, stem: str = "input") -> list[Path]:
    """The raw bytes of one case's inputs, one file each, as the runners read them."""
    paths = [folder / f"{stem}{index}.bin" for index in range(len(values))]
    for path, value in zip(paths, values, strict=True):
        path.write_bytes(value.tobytes())
    return paths
