"""Two files without a known meaning compared tensor by tensor, on noise or given inputs: any rank, type and number."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ca_deploy.data import arrays
from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import UsageError, listed
from ca_deploy.evaluation.affordable import affordable
from ca_deploy.evaluation.parity import FEWEST_IMAGES, measure
from ca_deploy.evaluation.whole_tensors import TensorPredictor, noise, samples_in, tensor_predictor
from ca_deploy.evaluation.worst import in_runtimes, of_signatures
from ca_deploy.graphs.input_shapes import Declared, Shape, closed, declared, given_by_place
from ca_deploy.graphs.signatures import signatures_of, single
from ca_deploy.progress import Progress, silent
from ca_deploy.records.parity import ParityReport
from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.samples import Samples
from ca_deploy.records.tensors import FedInput
from ca_deploy.runtimes import differing_default, open_session


def compare_files(
    model: Path,
    against: Path,
    runtimes: Sequence[str | None],
    tolerances: Tolerances,
    *,
    threads: int = 1,
    given: Path | None = None,
    shapes: Mapping[str, Shape] | None = None,
    keep: Path | None = None,
    progress: Progress = silent,
) -> ParityReport:
    """The outputs of ``model`` in each of its runtimes against those of ``against``, in all signatures of both.

    Args:
        given: an ``.npz`` of samples as in :func:`~ca_deploy.evaluation.whole_tensors.samples_in`; by default noise.
        shapes: of inputs that the files leave open.
        keep: an ``.npz`` to save the samples to.

    Raises:
        UsageError: the files take other inputs or give other outputs, or leave a shape open that is not given.
        CaDeployError: a file does not run, or the samples do not fit.
    """
    keys = signatures_of(model)
    if len(keys) > 1:
        if given is not None or keep is not None:
            raise UsageError(f"{model.name} has several signatures, and a file of samples is for one. Leave it out.")
        if keys != signatures_of(against):
            raise UsageError(f"{model.name} has the signatures {listed(keys)}, which {against.name} lacks.")
        by_place = given_by_place({(model, key): declared(model, key) for key in keys}, shapes or {})
        with temporary() as folder:
            reports = {
                key: compare_files(
                    single(model, key, folder / f"{number}-subject"),
                    single(against, key, folder / f"{number}-reference"),
                    runtimes,
                    tolerances,
                    threads=threads,
                    shapes=by_place[model, key],
                    progress=progress,
                )
                for number, key in enumerate(keys)
            }
        return of_signatures(reports)
    subject = tensor_predictor(model, open_session(model, runtimes[0], threads))
    reference = tensor_predictor(against, open_session(against, None, threads))
    samples = _samples(model, subject, reference, given, shapes or {})
    if keep is not None:
        arrays.save(keep, samples)
    answers = reference.run(_renamed(samples, subject, reference))

    def in_runtime(name: str | None) -> ParityReport:
        opened = subject
        if name != runtimes[0]:
            opened = tensor_predictor(model, open_session(model, name, threads))
        default = differing_default(opened.session, model, name, threads)
        return measure(opened, reference.name, answers, samples, tolerances, progress, default)

    found = in_runtimes([in_runtime(name) for name in runtimes])
    source = f"samples in {given.name}" if given is not None else "inputs of noise"
    fed = (FedInput(name, spec.dtype, samples.arrays[name].shape[1:]) for name, spec in subject.inputs.items())
    return replace(found, image_set=source, inputs=tuple(fed))


def _samples(
    model: Path, subject: TensorPredictor, reference: TensorPredictor, given: Path | None, shapes: Mapping[str, Shape]
) -> Samples:
    mine, theirs = subject.session.inputs, reference.session.inputs
    if len(mine) != len(theirs):
        raise UsageError(
            f"{subject.name} takes {', '.join(spec.name for spec in mine)}, and {reference.name} "
            f"{', '.join(spec.name for spec in theirs)}: they cannot be compared on the same inputs."
        )
    stated = declared(model) or tuple(
        Declared(spec.name, tuple(side if side > 0 else "?" for side in spec.shape)) for spec in mine
    )
    if given is not None:
        return samples_in(given, mine, stated)
    # Real numbers, where one of the two takes them: the other quantises them.
    kinds = [
        replace(a, dtype=b.dtype, scale=b.scale, zero_point=b.zero_point) if b.dtype.startswith("float") else a
        for a, b in zip(mine, theirs, strict=True)
    ]
    return affordable(noise(kinds, closed(model, stated, shapes), FEWEST_IMAGES), subject.signature)


def _renamed(samples: Samples, subject: TensorPredictor, reference: TensorPredictor) -> Samples:
    """The samples under the reference's names for its inputs: the same names, or else the same order."""
    if subject.inputs.keys() == reference.inputs.keys():
        return samples
    names = zip(subject.inputs, reference.inputs, strict=True)
    return replace(samples, arrays={theirs: samples.arrays[mine] for mine, theirs in names})
