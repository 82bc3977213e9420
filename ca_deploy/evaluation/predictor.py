"""A model that runs on samples, whatever its runtime.

Samples are the same for all models (:class:`ca_deploy.records.samples.Samples`); each model converts them to its file's
inputs (normalised or raw, NCHW or NHWC, float or integer, in batches), and its outputs back to float32.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.evaluation.bare_file import signature_of_file
from ca_deploy.networks.labels import check_label_count, check_labels, labels_of
from ca_deploy.networks.source import Network, load
from ca_deploy.progress import Progress, silent
from ca_deploy.records.manifest import Manifest, manifest_of
from ca_deploy.records.model import ModelSource
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, Signature
from ca_deploy.records.tensors import TensorSpec, batch_of
from ca_deploy.runtimes import Session, each, find_runtime, open_session, runtime_names
from ca_deploy.tasks import Task, meaning_of

if TYPE_CHECKING:
    from PIL import Image

Outputs = dict[str, NDArray[np.float32]]


def model_suffixes() -> tuple[str, ...]:
    """The suffixes of the files that a runtime opens."""
    return tuple(dict.fromkeys(suffix for name in runtime_names() for suffix in find_runtime(name)[0].suffixes))


@dataclass(frozen=True, slots=True)
class Predictor:
    """An opened model.

    ``signature`` is the network's. ``inputs`` and ``outputs`` are the file's, by the network's names; the file may call
    them otherwise (coremltools renames an input ``state``). ``network`` is what it runs where that is PyTorch,
    and ``unfinished`` the same before the head that formats add.
    """

    name: str
    session: Session
    signature: Signature
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    task: Task
    labels: tuple[str, ...] | None = None
    manifest: Manifest | None = None
    network: Network | None = None
    unfinished: "Predictor | None" = None

    @property
    def batch(self) -> int:
        """How many samples the file takes at once; 1 where that is free."""
        return batch_of(self.inputs.values())

    def run(self, samples: Samples, progress: Progress = silent) -> Outputs:
        """The outputs by name in float32, each ``(N, …)``.

        Raises:
            UsageError: the samples are not those of the network's inputs.
        """
        self._refuse_others(samples)
        batch = self.batch
        found: dict[str, list[NDArray[np.float32]]] = {name: [] for name in self.outputs}
        rows_of = {given.name: given.shape[0] if given.shape else 0 for given in self.signature.outputs}
        for number, answers in enumerate(each(self.session, map(self.feeds, samples.batches(batch)))):
            for name, spec in self.outputs.items():
                found[name] += _by_sample(to_float(answers[spec.name], spec), batch, rows_of[name])
            progress(min((number + 1) * batch, len(samples)), len(samples))
        return {name: np.stack(values[: len(samples)]) for name, values in found.items()}

    def feeds(self, rows: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """A batch of samples by input, as the file's input tensors by its own names."""
        taken = ((one, self.inputs[one.name]) for one in self.signature.inputs)
        return {spec.name: _to_file(one, spec, rows[one.name]) for one, spec in taken}

    def _refuse_others(self, samples: Samples) -> None:
        for taken in self.signature.inputs:
            given = samples.arrays.get(taken.name)
            if given is None:
                raise UsageError(f"{self.name} takes {taken.name}, and the samples have {', '.join(samples.arrays)}.")
            if given.shape[1:] not in (taken.pixels_shape, taken.shape[1:]):
                raise UsageError(
                    f"{self.name} takes {taken.text}, but the samples of {taken.name} are {given.shape[1:]}."
                )


def _to_file(taken: NetworkInput, spec: TensorSpec, values: NDArray[Any]) -> NDArray[Any]:
    """Samples ``(N, …)`` of one input as the file's tensor."""
    if not spec.normalised:
        if values.dtype != np.uint8:
            raise UsageError(f"The file takes pixels as {taken.name}, and the samples are normalised already.")
        return values if spec.layout == "NHWC" else np.ascontiguousarray(np.moveaxis(values, -1, 1))
    fed = taken.to_network(values)
    if spec.layout == "NHWC":
        fed = np.ascontiguousarray(np.moveaxis(fed, 1, -1))
    if spec.scale is not None:
        limits = np.iinfo(spec.dtype)
        fed = np.clip(np.rint(fed / spec.scale) + (spec.zero_point or 0), limits.min, limits.max)
    return fed.astype(spec.dtype)


def to_float(values: NDArray[Any], spec: TensorSpec) -> NDArray[np.float32]:
    """A file's output as real numbers."""
    if spec.scale is not None:
        values = (values.astype(np.float32) - np.float32(spec.zero_point or 0)) * np.float32(spec.scale)
    return values.astype(np.float32)


def _by_sample(values: NDArray[np.float32], batch: int, rows: int) -> list[NDArray[np.float32]]:
    """An output of a batch, one by one, of which a sample alone has ``rows``; one without a batch belongs to each."""
    if values.ndim and values.shape[0] == batch * rows:
        return [part[0] if rows == 1 else part for part in np.split(values, batch)]
    return [values] * batch


def answers_to_photo(model: Predictor, image: "Image.Image") -> Outputs:
    """The outputs for one photo of any size, each ``(1, …)``.

    Raises:
        UsageError: the model takes something else.
        ArtifactError: it gives NaN, of which nothing can be said.
    """
    preprocessing = model.signature.photo_or_refuse(model.name)
    (taken,) = model.signature.inputs
    found = model.run(Samples({taken.name: preprocessing.to_pixels(image)[None]}, ("",)))
    for name, values in found.items():
        if np.isnan(values).any():
            raise ArtifactError(
                f"{model.name}: its output {name!r} is not a number (NaN) for a photo: it is damaged, or computes out "
                "of the range of its type. `ca-deploy parity FILE` shows where."
            )
    return found


def network_predictor(network: Network) -> Predictor:
    """The PyTorch network itself, as a reference."""
    from ca_deploy.runtimes._torch_module import TorchSession

    session = TorchSession(network)
    name, signature = f"PyTorch {network.name}", network.signature
    found = file_predictor(name, session, session.inputs, session.outputs, signature, network.task, network.labels)
    unfinished = network_predictor(network.unfinished) if network.unfinished else None
    return replace(found, network=network, unfinished=unfinished)


def open_predictor(
    model: str | Path, runtime: str | None = None, threads: int = 1, source: ModelSource | None = None
) -> Predictor:
    """An exported file, with its manifest if there is one, or a PyTorch model.

    ``source`` provides the weights of a PyTorch model, or the preprocessing of a file without a manifest. Its labels go
    before those of a manifest.

    Raises:
        UsageError: the file has no manifest, and ``source`` no preprocessing.
        ArtifactError: the file is missing, damaged, not the one its manifest describes, or without an input or output.
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
    source = source or ModelSource()
    if manifest is not None:
        found = exported_predictor(path, manifest, runtime, threads)
        if source.labels is None:
            return found
        labels = labels_of(source, {})
        _refuse_other_labels(found.name, found.task, found.signature, labels)
        if manifest.labels:  # a class map does not say how many there are
            check_label_count(found.name, len(manifest.labels), labels, found.task.labels_hint)
        return replace(found, labels=labels)
    session = open_session(path, runtime, threads)
    signature, labels = signature_of_file(path, source, session), labels_of(source, {})
    task = meaning_of(source.task, signature, labels).task
    return file_predictor(path.name, session, session.inputs, session.outputs, signature, task, labels)


def exported_predictor(path: Path, manifest: Manifest, runtime: str | None = None, threads: int = 1) -> Predictor:
    """Like :func:`open_predictor`, for a file whose manifest has been read already."""
    return described_predictor(manifest, open_session(path, runtime, threads, known=True))


def described_predictor(manifest: Manifest, session: Session) -> Predictor:
    """A file that is open already, as its manifest describes it."""
    signature, labels = manifest.signature, manifest.labels
    task = meaning_of(manifest.task, signature, labels).task
    found = file_predictor(manifest.file, session, manifest.inputs, manifest.outputs, signature, task, labels)
    return replace(found, manifest=manifest)


def file_predictor(
    name: str,
    session: Session,
    inputs: Sequence[TensorSpec],
    outputs: Sequence[TensorSpec],
    signature: Signature,
    task: Task,
    labels: tuple[str, ...] | None,
) -> Predictor:
    """A file that is open already, and was exported from a network of this signature, whose order it keeps.

    Raises:
        ArtifactError: the file has another number of inputs or outputs.
        UsageError: there are more or fewer labels than classes.
    """
    _refuse_other_labels(name, task, signature, labels)
    taken, given = ([one.name for one in side] for side in (signature.inputs, signature.outputs))
    if (len(taken), len(given)) != (len(inputs), len(outputs)):
        found = ", ".join(spec.name for spec in (*inputs, *outputs))
        raise ArtifactError(f"{name} has {found}, and its network {', '.join((*taken, *given))}. Export it again.")
    known = {spec.name for spec in (*session.inputs, *session.outputs)}
    if unknown := [spec.name for spec in (*inputs, *outputs) if spec.name not in known]:
        raise ArtifactError(f"{name} has no {', '.join(map(repr, unknown))}, which its manifest says. Export it again.")
    found_inputs, found_outputs = dict(zip(taken, inputs, strict=True)), dict(zip(given, outputs, strict=True))
    return Predictor(name, session, signature, found_inputs, found_outputs, task, labels)


def _refuse_other_labels(name: str, task: Task, signature: Signature, labels: tuple[str, ...] | None) -> None:
    check_labels(name, signature, labels)
    check_label_count(name, task.class_count(signature), labels, task.labels_hint)
