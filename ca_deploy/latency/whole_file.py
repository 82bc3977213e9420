"""Copies of model files that a runtime on a device can read by themselves: with every weight inside."""

from collections.abc import Callable
from pathlib import Path

from ca_deploy.errors import ArtifactError

# Offsets inside a flatbuffer and lengths inside a protobuf message end here.
_LARGEST = 2**31 - 1


def whole(file: Path, folder: Path) -> Path:
    """``file`` itself, or a copy of the same name in ``folder`` where its weights lie outside.

    ai-edge-quantizer writes weights behind the flatbuffer, where TFLite's C API (ai-edge-litert 1.4 and 2.0) and
    tflite-runtime 2.14 do not find them ("Input tensor N lacks data"). ONNX files may keep weights in files beside
    them, which would not be on the device.

    Raises:
        ArtifactError: the weights are missing, or too many for one file; :func:`.refuse_bomb` refuses it.
    """
    make = _MAKERS.get(file.suffix.lower())
    content = make(file) if make else None
    if content is None:
        return file
    if len(content) > _LARGEST:
        raise ArtifactError(
            f"{file} keeps its weights outside, and with all of them inside it would have {len(content) / 2**30:.1f} "
            "GiB: a runtime on a device reads 2 GiB at most. Quantise it, or split it."
        )
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / file.name
    copy.write_bytes(content)
    return copy


def _tflite(file: Path) -> bytes | None:
    from ca_deploy.graphs import flatbuffer
    from ca_deploy.graphs.tflite import DAMAGE

    content = file.read_bytes()
    try:
        return flatbuffer.write(flatbuffer.read(content)) if flatbuffer.keeps_weights_outside(content) else None
    except DAMAGE:
        return None  # damaged: the runtime says how


def _onnx(file: Path) -> bytes | None:
    import onnx
    from google.protobuf.message import DecodeError, EncodeError
    from onnx.external_data_helper import load_external_data_for_model, uses_external_data

    from ca_deploy.graphs.onnx_functions import refuse_bomb

    try:
        model = onnx.load(file, load_external_data=False)
    except (DecodeError, OSError):
        return None  # damaged: the runtime says how
    refuse_bomb(model, file)
    if not any(uses_external_data(tensor) for tensor in model.graph.initializer):
        return None
    try:
        load_external_data_for_model(model, str(file.parent))
        return bytes(model.SerializeToString())
    except (OSError, ValueError, EncodeError, onnx.checker.ValidationError) as error:
        raise ArtifactError(
            f"{file} keeps weights in files beside it, which cannot be read: {str(error).splitlines()[0]}. "
            "Keep these files together."
        ) from error


_MAKERS: dict[str, Callable[[Path], bytes | None]] = {".tflite": _tflite, ".onnx": _onnx}
