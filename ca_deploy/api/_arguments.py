"""Arguments that several functions take in several forms."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ca_deploy.errors import UsageError
from ca_deploy.records.model import ModelSource

if TYPE_CHECKING:
    from torch import nn


def listed(names: Sequence[str]) -> Sequence[str]:
    """A single name is a list of one, not of its letters."""
    return (names,) if isinstance(names, str) else names


def several(numbers: int | Sequence[int]) -> Sequence[int]:
    return (numbers,) if isinstance(numbers, int) else numbers


def model_of(
    model: "str | ModelSource | nn.Module", source: ModelSource | None
) -> "tuple[ModelSource, nn.Module | None]":
    """A source that names the model, or an object with a source that describes it."""
    if isinstance(model, str | ModelSource):
        if source is not None:
            raise UsageError("source is for an nn.Module object; pass a named model's ModelSource as the model.")
        return ModelSource(model) if isinstance(model, str) else model, None
    from torch import nn

    if not isinstance(model, nn.Module):
        raise UsageError(f"A model is a name, a ModelSource or an nn.Module, not a {type(model).__name__}.")
    return source or ModelSource(), model
