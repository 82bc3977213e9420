"""Images of several sizes: which dimensions of a network's inputs stay open, and at which sizes its program holds.

``Dim.AUTO`` leaves a side open where the network does, and quietly fixes it where it does not. What a program assumes
about the sides that stay open, its guards, is checked at other sizes on tensors without data.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError, UsageError, first_line
from ca_deploy.networks.source import Network
from ca_deploy.records.image_sizes import ImageSizes, Size2d, size_text
from ca_deploy.records.signature import NetworkInput, Signature

_STEPS = (1, 2, 4, 8, 16, 32, 64)
_STRIDE = 32  # of most backbones
_IN_PROGRAM = "Save it with a dynamic height and width (torch.export.Dim.AUTO), or drop {option}."
_IN_FORWARD = "Pass x.shape[2:] on as it is, or drop {option}."


def only_image(signature: Signature, option: str) -> NetworkInput:
    """The input whose size ``option`` leaves open.

    Raises:
        UsageError: the network has no image, or several.
    """
    if len(signature.images) != 1:
        raise UsageError(f"{option} needs a network with one image, and this one takes {signature.inputs_text}.")
    return signature.images[0]


def size_symbols(program: torch.export.ExportedProgram, number: int) -> tuple[Any, Any]:
    """Height and width of input ``number`` of a traced program: sympy expressions, or the numbers they are fixed to."""
    name = program.graph_signature.user_inputs[number]
    placeholder = next(node for node in program.graph.nodes if node.op == "placeholder" and node.name == name)
    height, width = (side if isinstance(side, int) else side.node.expr for side in placeholder.meta["val"].shape[2:])
    return height, width


def any_size(network: Network, program: torch.export.ExportedProgram) -> ImageSizes:
    """The sizes at which a program traced with an open height and width holds.

    Raises:
        ModelError: it holds at its own size only; the message says what fixes it.
    """
    option = "--dynamic-size"
    image = only_image(network.signature, option)
    _refuse_fixed_sides(network, program, option)
    holds = _Guards(network, program)
    own = (image.shape[2], image.shape[3])
    step = next((step for step in _STEPS if not any(map(holds.complaint, _around(own, step)))), None)
    unit = max(_STRIDE, step or _STRIDE)
    lower = (own[0] - unit, own[1] + unit) if own[0] >= 2 * unit else (own[0] + unit, own[1])
    verified = (lower, (own[0] + 3 * unit, own[1] + 2 * unit))
    probes = [*verified, (2 * own[0], 2 * own[1]), own[::-1], *([] if step else _around(own, _STEPS[-1]))]
    for size in probes:
        if complaint := holds.complaint(size):
            raise ModelError(
                f"{network.name} works at {size_text(own)} px, and not at {size_text(size)} ({complaint}), as where a "
                "linear layer or a position embedding fits one size, or where its forward branches on the size. Drop "
                f"{option}."
            )
    return ImageSizes(own, step=step or 1, verified=verified)


def these_sizes(network: Network, program: torch.export.ExportedProgram, wished: Sequence[Size2d]) -> ImageSizes:
    """The network's own size and the ``wished`` ones, at which a program traced with an open height and width holds.

    Raises:
        ModelError: it does not hold at one of them.
    """
    option = "--sizes"
    image = only_image(network.signature, option)
    _refuse_fixed_sides(network, program, option)
    holds = _Guards(network, program)
    own = (image.shape[2], image.shape[3])
    sizes = tuple(dict.fromkeys((own, *wished)))
    if len(sizes) == 1:
        raise UsageError(
            f"{option} {size_text(own)} is the only size of {network.name} already: name another one, too."
        )
    for size in sizes:
        if complaint := holds.complaint(size):
            raise ModelError(
                f"{network.name} works at {size_text(own)} px, and not at {size_text(size)} ({complaint}). Leave that "
                f"size out of {option}, or choose one that the network takes."
            )
    return ImageSizes(own, sizes, verified=sizes[1:])


def at_size(network: Network, size: Size2d) -> Network:
    """The network with the signature that it has for images of another size, which it is run on once."""
    inputs = []
    for taken in network.signature.inputs:
        before = taken.preprocessing
        if before is not None:
            resize = max(before.resize, min(size))
            taken = replace(
                taken, shape=(*taken.shape[:2], *size), preprocessing=replace(before, crop=size, resize=resize)
            )
        inputs.append(taken)
    signature = replace(network.signature, inputs=tuple(inputs))
    resized = replace(network, signature=signature)
    with torch.inference_mode():
        given = network.module(*resized.examples())
    shapes = [tuple(value.shape) for value in (given if isinstance(given, tuple) else (given,))]
    outputs = tuple(replace(one, shape=shape) for one, shape in zip(signature.outputs, shapes, strict=True))
    return replace(resized, signature=replace(signature, outputs=outputs))


def _around(own: Size2d, step: int) -> Iterator[Size2d]:
    """Sizes that differ from the own one by multiples of ``step``, up to 64 px more, and down to half of it."""
    for more in range(step, _STEPS[-1] + 1, step):
        for sign in (1, -1):
            height, width = own[0] + sign * more, own[1] + sign * more
            if 2 * height >= own[0]:
                yield height, own[1]
            if 2 * width >= own[1]:
                yield own[0], width
            if 2 * height >= own[0] and 2 * width >= own[1]:
                yield height, width


def _refuse_fixed_sides(network: Network, program: torch.export.ExportedProgram, option: str) -> None:
    image = only_image(network.signature, option)
    symbols = size_symbols(program, network.signature.inputs.index(image))
    fixed = [axis for axis, side in enumerate(symbols) if isinstance(side, int) or not side.free_symbols]
    if not fixed:
        return
    takes = f"{network.name} takes images of {size_text((image.shape[2], image.shape[3]))} px only: "
    if isinstance(network.original, torch.fx.GraphModule):
        raise ModelError(f"{takes}the program was saved for one size. {_IN_PROGRAM.format(option=option)}")
    sides = " and the ".join(("height", "width")[axis] for axis in fixed)
    raise ModelError(
        f"{takes}its forward turns the {sides} into a Python integer (int(x.shape[{fixed[0] + 2}])), or has a layer "
        f"that fits one {sides}. {_IN_FORWARD.format(option=option)}"
    )


class _Guards:
    """What a program assumes about the sizes of its inputs.

    ``_guards_fn`` (torch 2.9 to 2.13) checks it without running the program, and is not public: where it is missing,
    the program itself is run, which calls it.
    """

    def __init__(self, network: Network, program: torch.export.ExportedProgram) -> None:
        self._module: nn.Module = program.module()
        self._check = getattr(self._module, "_guards_fn", None)
        placeholders = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
        traced = [placeholders[str(name)].meta["val"] for name in program.graph_signature.user_inputs]
        batch = 2 if traced and traced[0].ndim and not isinstance(traced[0].shape[0], int) else None
        self._examples = network.examples(batch or (int(traced[0].shape[0]) if traced[0].ndim else 1))
        self._images = [taken.preprocessing is not None for taken in network.signature.inputs]

    def complaint(self, size: Size2d) -> str:
        """The guard that fails at a size; "" if all hold."""
        device = "meta" if self._check is not None else "cpu"
        fed: list[Tensor] = [
            torch.zeros((*example.shape[:2], *size) if image else example.shape, dtype=example.dtype, device=device)
            for example, image in zip(self._examples, self._images, strict=True)
        ]
        try:
            with torch.inference_mode():
                (self._check or self._module)(*fed)
        except Exception as error:  # a failed guard is an AssertionError, and an operation raises what it likes
            return f"torch.export: {first_line(error)}"
        return ""
