"""The signature of a file without a manifest: what its runtime says, and the user."""

from dataclasses import replace
from pathlib import Path

from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.networks.arguments import DEPTHS
from ca_deploy.networks.inputs import preprocessing_of
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import Size, sides
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.records.tensors import DType, TensorSpec, batch_of
from ca_deploy.runtimes import Session


def signature_of_file(path: Path, source: ModelSource, session: Session) -> Signature:
    """An only input of four dimensions with 1, 3 or 4 channels is an image, other inputs are plain tensors.

    Raises:
        UsageError: the file takes an image, and ``source`` has no preprocessing, or no size where that is free.
        ArtifactError: it has no inputs or no outputs.
    """
    if not session.inputs or not session.outputs:
        raise ArtifactError(f"{path} has {len(session.inputs)} inputs and {len(session.outputs)} outputs.")
    only, batch = len(session.inputs) == 1, batch_of(session.inputs)
    return Signature(
        tuple(_input(path, spec, source, only, batch) for spec in session.inputs),
        tuple(NetworkOutput(spec.name, _of_one(spec.shape, batch), _real(spec)) for spec in session.outputs),
    )


def _input(path: Path, spec: TensorSpec, source: ModelSource, only: bool, batch: int) -> NetworkInput:
    depth = (spec.shape[1] if spec.layout == "NCHW" else spec.shape[3]) if len(spec.shape) == 4 else 0
    if not only or depth not in DEPTHS:
        return NetworkInput(spec.name, _of_one(spec.shape, batch), _real(spec))
    if source.mean is None or source.std is None:
        raise UsageError(
            f"{path} has no manifest ({path.stem}.json) beside it, so its preprocessing is unknown. "
            "Pass --mean and --std (and --resize), as it was trained."
        )
    height, width = spec.shape[2:] if spec.layout == "NCHW" else spec.shape[1:3]
    size: Size = (height, width)
    if min(height, width) < 1:
        if source.input_size is None:
            raise UsageError(f"{path} takes images of any size: say which with --input-size.")
        size = source.input_size
    resize = source.resize if source.resize is not None or source.fit not in (None, "crop") else min(sides(size))
    preprocessing = preprocessing_of(replace(source, resize=resize), {}, size, (depth, height, width))
    shape = (1, preprocessing.depth, preprocessing.height, preprocessing.width)
    return NetworkInput(spec.name, shape, preprocessing=preprocessing)


def _real(spec: TensorSpec) -> DType:
    """The type of the numbers, which a scale makes of integers."""
    return "float32" if spec.scale is not None else spec.dtype


def _of_one(shape: tuple[int, ...], batch: int) -> tuple[int, ...]:
    """The shape for one sample of a file that takes ``batch`` at once; free sides are 1."""
    fixed = tuple(max(1, side) for side in shape)
    return (fixed[0] // batch, *fixed[1:]) if fixed and batch > 1 and fixed[0] % batch == 0 else fixed
