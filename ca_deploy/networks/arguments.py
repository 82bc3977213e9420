"""The arguments of a network: the parameters of its ``forward``, or the inputs of a program, by name."""

import inspect
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ca_deploy.errors import ModelError, UsageError, unknown_name, wrong_in_file
from ca_deploy.networks.program_types import refuse_types
from ca_deploy.records.input_wish import InputWish

if TYPE_CHECKING:
    import torch
    from torch import nn

IMAGE = "image"
DEPTHS = (1, 3, 4)  # channels of images: grey, RGB, RGBA


@dataclass(frozen=True, slots=True)
class Argument:
    """One tensor that a network takes. ``shape`` (with the batch) and ``dtype`` are known of a program only.

    ``called`` is the parameter's name, and ``name`` the input's in files. ``keyword``: it has to be passed by name.
    ``wish`` is what the user says of it.
    """

    name: str
    called: str = ""
    keyword: bool = False
    shape: tuple[int, ...] | None = None
    dtype: str | None = None
    wish: InputWish | None = None

    @property
    def may_be_image(self) -> bool:
        """Whether the shape is an image's, or unknown."""
        if self.shape is None:
            return True
        return len(self.shape) == 4 and self.shape[1] in DEPTHS and self.dtype == "float32"


@dataclass(frozen=True, slots=True)
class _Parameters:
    needed: tuple[Argument, ...]
    optional: tuple[Argument, ...] = ()
    any_number: bool = False


def arguments_of(
    module: "nn.Module", wishes: Sequence[InputWish], program: "torch.export.ExportedProgram | None" = None
) -> tuple[Argument, ...]:
    """What to feed, in the order of ``forward``: the needed parameters, and optional ones that ``wishes`` name.

    Raises:
        UsageError: a wish names no parameter, or several parameters have no wish.
        ModelError: a program takes something else than tensors.
    """
    if twice := [name for name, count in Counter(wish.name for wish in wishes).items() if count > 1]:
        raise UsageError(f"--input describes {', '.join(twice)} more than once.")
    found = _of_program(program) if program is not None else _of_forward(module)
    if not found.needed and found.any_number:  # forward(*images): the wishes are all there is to know
        return tuple(Argument(wish.name or IMAGE, wish=wish) for wish in wishes) or (Argument(IMAGE),)
    every = (*found.needed, *found.optional)
    by_name = {argument.name: None for argument in every}
    only = found.needed[0].name if len(found.needed) == 1 else None
    named = {}
    for wish in wishes:
        name = only if only is not None and wish.name in ("", IMAGE) and wish.name not in by_name else wish.name
        if name not in by_name:
            raise unknown_name("input of the network (from --input, or the samples)", wish.name, by_name)
        named[name] = wish
    fed = [argument for argument in every if argument in found.needed or argument.name in named]
    if not fed:
        if not by_name:
            raise ModelError("The network's forward takes nothing. Give it a parameter for what the file shall take.")
        known = ", ".join(by_name)
        raise UsageError(f"The network needs no input. Say which it takes with --input NAME=image; it has {known}.")
    lacking = [argument.name for argument in fed if argument.name not in named and argument.shape is None]
    if len(fed) > 1 and lacking:
        raise UsageError(
            f"The network takes {len(fed)} inputs, {', '.join(argument.name for argument in fed)}. Say what they are: "
            + " ".join(f"--input {name}=…" for name in lacking)
            + " with image, or the shape of a plain tensor without its batch (10x16), or pass samples of all of them "
            "with --calibration FILE.npz."
        )
    return tuple(_called(argument, named.get(argument.name), only) for argument in fed)


def _called(argument: Argument, wish: InputWish | None, only: str | None) -> Argument:
    """An input that is the only one is called ``image``, unless the user names it, or it is no image."""
    names_it = wish is not None and (wish.name == argument.name or wish.shape is not None)
    name = argument.name if only is None or names_it or not argument.may_be_image else IMAGE
    if wish is not None and wish.name == IMAGE:
        name = IMAGE
    return Argument(name, argument.name, argument.keyword, argument.shape, argument.dtype, wish)


def _of_forward(module: "nn.Module") -> _Parameters:
    needed, optional, any_number = [], [], False
    for parameter in inspect.signature(module.forward).parameters.values():
        if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
            any_number |= parameter.kind is inspect.Parameter.VAR_POSITIONAL
            continue
        argument = Argument(parameter.name, keyword=parameter.kind is inspect.Parameter.KEYWORD_ONLY)
        if parameter.default is not inspect.Parameter.empty:
            # A tensor between others is passed in its place, one behind a gap by its name.
            optional.append(Argument(parameter.name, keyword=True))
        else:
            needed.append(argument)
    return _Parameters(tuple(needed), tuple(optional), any_number)


def _of_program(program: "torch.export.ExportedProgram") -> _Parameters:
    names = program.graph_signature.user_inputs
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    values = [nodes[name].meta.get("val") if isinstance(name, str) and name in nodes else None for name in names]
    spec = program.call_spec.in_spec
    groups = [group.children() for group in spec.children()] if spec is not None else []
    counts = [len(group) for group in groups] if spec is not None else [len(names), 0]
    nested = any(not argument.is_leaf() for group in groups for argument in group)
    if nested or sum(counts) != len(names) or any(not hasattr(value, "shape") for value in values):
        raise ModelError(
            f"The program takes {', '.join(map(str, names)) or 'nothing'}, of which some are no tensors or lie in "
            "lists or dictionaries. Export it again with tensors as the arguments of forward."
        )
    refuse_types(program, dict(zip(map(str, names), values, strict=True)))
    found = []
    for number, (name, value) in enumerate(zip(names, values, strict=True)):
        found.append(
            Argument(
                str(name),
                keyword=number >= counts[0],
                shape=tuple(_side(side) for side in value.shape),  # type: ignore[union-attr]
                dtype=str(value.dtype).removeprefix("torch."),  # type: ignore[union-attr]
            )
        )
    return _Parameters(tuple(found))


def _side(side: Any) -> int:
    """A size of a program; -1 where it is dynamic."""
    try:
        return side if isinstance(side, int) else -1
    except Exception as error:  # sizes without an example value, guards that contradict each other, ...
        raise ModelError(f"The program's sizes cannot be read ({wrong_in_file(error)}). Export it again.") from error
