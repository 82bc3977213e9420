"""Operators on which ai-edge-quantizer fails: they stay float, so that the rest can be quantised."""

from collections.abc import Callable, Collection, Mapping
from importlib.metadata import version
from typing import Any, TypeVar

from ai_edge_quantizer import qtyping

from ca_deploy.errors import ModelError, first_line
from ca_deploy.graphs import flatbuffer

T = TypeVar("T")
Kinds = tuple[qtyping.TFLOperationName, ...]


def around_gaps(quantise: Callable[[Kinds], T], content: bytes, recipe_name: str) -> tuple[T, Mapping[str, str]]:
    """The result of ``quantise``, which leaves the kinds of operators that it gets float.

    Where the quantizer raises an error, each kind of operator without weights in the float flatbuffer ``content`` is
    left out by itself, and in the end all of them: ai-edge-quantizer 0.10 does not name the operator that it failed on
    (a MAXIMUM with a constant: "Ranks of scales (3) and zps (3) must be the same as the tensor rank (2)").

    Returns:
        The result, and the reason for each kind that stays float.

    Raises:
        ModelError: it fails without all of these, too.
    """
    try:
        return quantise(()), {}
    except Exception as error:  # the quantizer raises whatever its parts raise
        cause = error
    model = flatbuffer.read(content)
    kinds = _without_weights(model)
    for choice in (*((kind,) for kind in kinds), kinds):
        try:
            found = quantise(choice)
        except Exception:  # then that was not the one, or not alone
            continue
        reason = f"ai-edge-quantizer {version('ai-edge-quantizer')} fails on it: {first_line(cause)}"
        return found, {kind.value: reason for kind in choice}
    raise ModelError(
        f"ai-edge-quantizer cannot apply {recipe_name} ({type(cause).__name__}: {first_line(cause)}), not even to the "
        f"convolutions and linear layers alone. Its operators are {', '.join(flatbuffer.operator_histogram(model))}: "
        "replace the unusual ones in the network, or export by a float recipe."
    ) from cause


def _without_weights(model: Any) -> Kinds:
    known: Collection[str] = {kind.value for kind in qtyping.TFLOperationName}
    names = [name for name in flatbuffer.operator_histogram(model) if name not in flatbuffer.WEIGHTED]
    return tuple(qtyping.TFLOperationName(name) for name in names if name in known)
