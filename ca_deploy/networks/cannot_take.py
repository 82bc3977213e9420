"""Why a network does not run on its inputs, and what the user can do about it.

An option is named only where it helps: a size or channels that the network was seen to run on, or a shape that its
first layer states.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ca_deploy.errors import first_line
from ca_deploy.networks.flat import Flat
from ca_deploy.records.signature import NetworkInput

if TYPE_CHECKING:
    from ca_deploy.networks.arguments import Argument

_STRIDE = 32  # of most backbones: they take multiples of it
_USUAL = (224, 256, 320, 384, 416, 512, 640, 299, 192, 160, 128, 112, 96, 64, 32, 28)  # px
_CHANNELS = {1: "grey", 3: "RGB", 4: "RGBA"}
# What a first layer takes instead of an image, by its class: the attribute with its width, and its shape in --input.
_SHAPES: dict[type[nn.Module], tuple[str, str, str]] = {
    nn.Linear: ("in_features", "vectors of {width}", "{width}"),
    nn.Conv1d: ("in_channels", "series of {width} channels", "{width}xLENGTH"),
    nn.Conv2d: ("in_channels", "maps of {width} channels, which no photo has", "{width}xHEIGHTxWIDTH"),
    nn.Conv3d: ("in_channels", "volumes of {width} channels", "{width}xDEPTHxHEIGHTxWIDTH"),
    nn.LSTM: ("input_size", "sequences of vectors of {width}", "LENGTHx{width}"),
    nn.GRU: ("input_size", "sequences of vectors of {width}", "LENGTHx{width}"),
    nn.Embedding: ("num_embeddings", "integers below {width}", "LENGTH:int64"),
}
# What a forward raises that reads its argument as something else than a tensor.
_OF_OTHER_ARGUMENTS = (TypeError, KeyError, IndexError, AttributeError)


def cannot_take(
    name: str,
    flat: Flat,
    arguments: "Sequence[Argument]",
    inputs: Sequence[NetworkInput],
    running: Sequence[tuple[str, nn.Module, Any]],
    error: Exception,
) -> str:
    """The message for ``error``, which the network raised on noise of its inputs' shapes.

    ``running`` are the modules that were running, outermost first: path, module and what it got first.
    """
    taken = " and ".join(one.text for one in inputs)
    path, module, value = running[-1] if running else ("", flat, None)
    shape = tuple(value.shape) if isinstance(value, Tensor) else None
    wanted = _wanted(module, shape, arguments[0].called) if len(inputs) == 1 and shape == inputs[0].shape else ""
    if wanted:
        return f"{name} cannot take {taken}: its first layer {path!r} ({type(module).__name__}) {wanted}"
    where = ""
    if running:
        where = f" The first layer that fails is {path!r} ({type(module).__name__}){f' on {shape}' if shape else ''}."
    return f"{name} cannot take {taken}: {first_line(error)}.{where} {_remedy(flat, arguments, inputs, module, error)}"


def _wanted(module: nn.Module, shape: tuple[int, ...] | None, parameter: str) -> str:
    """What a first layer takes instead of ``shape``, with the option that says so; "" where that is not the matter."""
    attribute, takes, form = _SHAPES.get(type(module), ("", "", ""))
    width = getattr(module, attribute, None)
    if width is None or shape is None:
        return ""
    if isinstance(module, nn.Conv2d) and len(shape) == 4 and width == shape[1]:
        return ""
    if isinstance(module, nn.Conv2d) and width in _CHANNELS:
        return f"takes {width} channel{'s' if width > 1 else ''}. Pass --channels {_CHANNELS[width]}."
    if isinstance(module, nn.Linear) and width == shape[-1]:
        return ""
    return f"takes {takes.format(width=width)}. Describe the input: --input {parameter}={form.format(width=width)}."


def _remedy(
    flat: Flat,
    arguments: "Sequence[Argument]",
    inputs: Sequence[NetworkInput],
    module: nn.Module,
    error: Exception,
) -> str:
    image = inputs[0].preprocessing
    sides = arguments[0].shape[2:] if arguments[0].shape is not None else (-1, -1)
    if len(inputs) == 1 and image is not None and -1 in sides:
        for height, width in _sizes(image.height, image.width):
            if _runs(flat, image.depth, height, width):
                return f"It takes --input-size {height}x{width}."
        for depth, channels in _CHANNELS.items():
            if arguments[0].shape is None and _runs(flat, depth, image.height, image.width):
                return f"It takes --channels {channels}."
        if isinstance(module, nn.Linear) or "Guard failed" in str(error):
            return "Pass the size that it was trained at with --input-size."
    if arguments[0].shape is not None:
        return "Save the program again with inputs that it takes."
    if re.search(r"Half|Double|BFloat16|dtype", str(error)):
        return (
            "The network was made float32, and its forward converts values to another type: let it convert them to the "
            "type of its weights."
        )
    described = " ".join(f"--input {one.called}=…" for one in arguments)
    if isinstance(error, _OF_OTHER_ARGUMENTS):
        return (
            "Its forward probably reads something else than tensors from its arguments, or has a fault: wrap the "
            f"network in a module whose forward takes tensors, and describe them where they are no image: {described}."
        )
    return f"Describe its inputs as they were in training: {described}."


def _sizes(height: int, width: int) -> Iterator[tuple[int, int]]:
    """Multiples of a stride close by, then what networks are usually trained at."""
    tried = {(height, width)}
    near = [((height // _STRIDE + up) * _STRIDE, (width // _STRIDE + up) * _STRIDE) for up in (1, 0, -1)]
    for size in [*near, *((side, side) for side in _USUAL)]:
        if min(size) > 0 and size not in tried:
            tried.add(size)
            yield size


def _runs(flat: Flat, depth: int, height: int, width: int) -> bool:
    try:
        with torch.inference_mode():
            flat.call(torch.randn(1, depth, height, width))
    except Exception:  # then this is no remedy
        return False
    return True
