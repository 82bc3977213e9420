"""A model that runs on photos, whatever its runtime.

Photos are RGB uint8 ``(N, S, S, 3)`` everywhere; each model converts them to its file's input (normalised or raw, NCHW
or NHWC, float or integer), and its output back to float32.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.networks.inputs import preprocessing_of
from ca_deploy.networks.labels import labels_of
from ca_deploy.networks.source import load
from ca_deploy.records.manifest import Manifest, manifest_of
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.tensors import TensorSpec
from ca_deploy.runtimes import Session, find_runtime, open_session, runtime_names
from ca_deploy.tasks import Task, task_of

if TYPE_CHECKING:
    from ca_deploy.networks.inputs import preprocessing_of
from ca_deploy.networks.source import Network


def model_suffixes() -> tuple[str, ...]:
    """The suffixes of the files that a runtime opens."""
    return tuple(dict.fromkeys(suffix for name in runtime_names() for suffix in find_runtime(name)[0].suffixes))


@dataclass(frozen=True, slots=True)
class Predictor:
    """An opened model with its input, output and preprocessing."""

    name: str
    session: Session
    input: TensorSpec
    output: TensorSpec
    preprocessing: Preprocessing
    task: Task
    labels: tuple[str, ...] | None = None
    manifest: Manifest | None = None

    def __call__(self, images: Iterable[NDArray[np.uint8]]) -> Iterable[NDArray[np.float32]]:
        """The float32 outputs of images ``(S, S, 3)``, one by one, without the batch dimension."""
        for image in images:
            answer = self.session.run({self.input.name: self.to_input(image)})[self.output.name][0]
            if self.output.scale is not None:
                answer = (answer.astype(np.float32) - np.float32(self.output.zero_point or 0)) * np.float32(
                    self.output.scale
                )
            yield answer.astype(np.float32)

    def to_input(self, image: NDArray[np.uint8]) -> NDArray[Any]:
        """An image ``(S, S, 3)`` as the file's input tensor, with the batch dimension."""
        spec = self.input
        if spec.normalised:
            value: NDArray[Any] = self.preprocessing.normalise(image)
            if spec.layout == "NHWC":
                value = np.ascontiguousarray(np.moveaxis(value, 0, -1))
        else:
            value = image if spec.layout == "NHWC" else np.ascontiguousarray(np.moveaxis(image, -1, 0))
        if spec.normalised and spec.scale is not None:
            limits = np.iinfo(spec.dtype)
            value = np.clip(np.rint(value / spec.scale) + (spec.zero_point or 0), limits.min, limits.max)
        return value.astype(spec.dtype)[None]


def network_predictor(network: "Network") -> Predictor:
    """The PyTorch network itself, as a reference."""
    from ca_deploy.runtimes._torch_module import TorchSession

    session = TorchSession(network)
    return Predictor(
        f"PyTorch {network.name}",
        session,
        session.inputs[0],
        session.outputs[0],
        network.preprocessing,
        task_of(network.task, session.outputs[0].shape[1:]),
        network.labels,
    )


def open_predictor(
    model: str | Path, runtime: str | None = None, threads: int = 1, source: ModelSource | None = None
) -> Predictor:
    """An exported file, with its manifest if there is one, or a PyTorch model.

    ``source`` provides the weights of a PyTorch model, or the preprocessing of a file without a manifest.

    Raises:
        UsageError: the file has no manifest, and ``source`` no preprocessing.
        ArtifactError: the file is missing, damaged, not the one its manifest describes, or does not have one input and
            one output.
        RuntimeUnavailable: see :func:`ca_deploy.runtimes.open_session`.
    """
    if not isinstance(model, str | Path):
        raise UsageError(f"A model is the path of a file or a name here, not a {type(model).__name__}.")
    path = Path(model)
    if path.suffix not in model_suffixes():
        if runtime is not None:
            raise UsageError(f"--runtime {runtime} is for exported files; {model} is a PyTorch model.")
        return network_predictor(load(replace(source or ModelSource(), model=str(model))))
    manifest = manifest_of(path)
    if manifest is not None:
        return exported_predictor(path, manifest, runtime, threads)
    session = open_session(path, runtime, threads)
    preprocessing = _given_preprocessing(path, source, session.inputs)
    source = source or ModelSource()
    labels, task = labels_of(source, {}), source.task
    return file_predictor(path, session, session.inputs, session.outputs, preprocessing, labels, task)


def exported_predictor(path: Path, manifest: Manifest, runtime: str | None = None, threads: int = 1) -> Predictor:
    """Like :func:`open_predictor`, for a file whose manifest has been read already."""
    session = open_session(path, runtime, threads)
    found = file_predictor(
        path, session, manifest.inputs, manifest.outputs, manifest.preprocessing, manifest.labels, manifest.task
    )
    return replace(found, manifest=manifest)


def file_predictor(
    path: Path,
    session: Session,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    preprocessing: Preprocessing,
    labels: tuple[str, ...] | None,
    task: str | None = None,
) -> Predictor:
    """A file that is open already.

    Raises:
        ArtifactError: the file does not have one input and one output.
        UsageError: there is no such task.
    """
    if len(inputs) != 1 or len(outputs) != 1:
        raise ArtifactError(
            f"{path} has {len(inputs)} inputs and {len(outputs)} outputs; ca-deploy compares models with one of each."
        )
    if not outputs[0].shape:
        raise ArtifactError(f"{path}: its output {outputs[0].name!r} is a single number, without a batch dimension.")
    meaning = task_of(task, outputs[0].shape[1:])
    return Predictor(path.name, session, inputs[0], outputs[0], preprocessing, meaning, labels)


def _given_preprocessing(path: Path, source: ModelSource | None, inputs: Sequence[TensorSpec]) -> Preprocessing:
    if source is None or source.mean is None or source.std is None:
        raise UsageError(
            f"{path} has no manifest ({path.stem}.json) beside it, so its preprocessing is unknown. "
            "Pass --mean and --std (and --resize), as it was trained."
        )
    if len(inputs) != 1 or len(inputs[0].shape) != 4:
        raise ArtifactError(f"{path} does not take one image: its inputs are {[i.shape for i in inputs]}.")
    shape = inputs[0].shape
    depth, height, width = shape[1:] if inputs[0].layout == "NCHW" else (shape[3], *shape[1:3])
    if min(height, width) < 1 and source.input_size is None:
        raise UsageError(f"{path} takes images of any size: say which with --input-size.")
    fixed = (depth, height, width) if min(height, width) > 0 else None
    resize = source.resize if source.resize is not None or source.fit not in (None, "crop") else min(height, width)
    return preprocessing_of(replace(source, resize=resize), {}, source.input_size or 1, fixed)
