"""What a file is fed with on a device: samples of the user's, photos, or noise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ca_deploy.data import arrays
from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, load_calibration, load_spec
from ca_deploy.evaluation.predictor import Predictor, described_predictor
from ca_deploy.evaluation.whole_tensors import TensorPredictor, noise, samples_in, tensor_predictor
from ca_deploy.graphs.input_shapes import Shape, closed, declared
from ca_deploy.records.manifest import manifest_of
from ca_deploy.records.samples import Samples
from ca_deploy.runtimes import Session

CASES = 4
MADE_UP = "made up: floats in -1 to 1, small integers of any value, integers of 32 bits or more 0 and 1"

Arrays = list[NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Feeds:
    """The file's inputs in order, for each case; ``description`` is for the report."""

    cases: tuple[Arrays, ...]
    description: str


def feeds_for(
    file: Path, session: Session, samples: Path | None = None, shapes: Sequence[Shape] = (), most: int = CASES
) -> Feeds:
    """From a file of samples, if one is named; otherwise photos, as the manifest says, or noise from a fixed seed.

    ``shapes`` are those of the inputs, where the file leaves any open; they get noise.

    Raises:
        ImageDataError: the samples do not match the file's inputs.
        UsageError: the file takes tensors of any size, and nothing says which.
    """
    manifest, inputs = manifest_of(file), declared(file)
    if samples is not None and manifest is not None:
        predictor = described_predictor(manifest, session)
        loaded = arrays.load(samples, predictor.signature, most * predictor.batch)
        return _of(predictor, session, loaded, str(samples), most)
    if samples is not None:
        tensors = tensor_predictor(file, session)
        chosen = samples_in(samples, session.inputs, inputs, most)
        return Feeds(_cases(tensors, chosen), f"{_counted(len(chosen), 'sample')} of {samples}")
    if manifest is not None and not shapes:
        predictor, spec = described_predictor(manifest, session), load_spec(NOT_YOUR_DOMAIN)
        few = replace(spec, count=1, held_out=most * predictor.batch)
        held_out = load_calibration(few, predictor.signature).held_out
        return _of(predictor, session, held_out, spec.name, most)
    made_up = noise(session.inputs, shapes or closed(file, inputs, {}), most)
    return Feeds(_cases(tensor_predictor(file, session), made_up), f"{most} inputs of noise")


def _counted(count: int, kind: str) -> str:
    return f"{count} {kind}{'' if count == 1 else 's'}"


def _cases(predictor: TensorPredictor, samples: Samples) -> tuple[Arrays, ...]:
    return tuple(list(predictor.case(samples, number).values()) for number in range(len(samples)))


def _of(predictor: Predictor, session: Session, samples: Samples, source: str, most: int) -> Feeds:
    chosen = samples.first(most * predictor.batch)
    fed = [predictor.feeds(rows) for rows in chosen.batches(predictor.batch)]
    kind = "photo" if predictor.signature.photo else "sample"
    cases = tuple([feed[tensor.name] for tensor in session.inputs] for feed in fed)
    return Feeds(cases, f"{_counted(len(chosen), kind)} of {source}")


def write_case(values: Sequence[NDArray[Any]], folder: Path, stem: str = "input") -> list[Path]:
    """The raw bytes of one case's inputs, one file each, as the runners read them."""
    paths = [folder / f"{stem}{index}.bin" for index in range(len(values))]
    for path, value in zip(paths, values, strict=True):
        path.write_bytes(value.tobytes())
    return paths
