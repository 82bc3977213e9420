"""What nobody said about a network's images, and was taken as is customary."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ca_deploy.networks.arguments import Argument
from ca_deploy.records.input_wish import InputWish
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import IMAGENET_MEAN, IMAGENET_STD, Preprocessing
from ca_deploy.records.signature import NetworkInput


def assumptions(
    arguments: Sequence[Argument],
    inputs: Sequence[NetworkInput],
    source: ModelSource,
    metadata: Mapping[str, Any],
    size_is_known: bool,
) -> tuple[str, ...]:
    """One clause per assumption, which ends in the options that change it.

    ``inputs`` are those of :func:`ca_deploy.networks.inputs.inputs_of`. What the user said, a program fixes or a
    checkpoint carries is not assumed. ``size_is_known``: a registered network has an image size of its own.
    """
    carried: Mapping[str, Any] = metadata.get("preprocessing", {})
    found: dict[str, list[str]] = {}
    for argument, taken in zip(arguments, inputs, strict=True):
        if taken.preprocessing is None:
            continue
        fixed = size_is_known or (argument.shape is not None and min(argument.shape[2:]) > 0)
        for clause in _of_image(taken.preprocessing, source, argument.wish, carried, fixed):
            found.setdefault(clause, []).append(taken.name)
    images = sum(taken.preprocessing is not None for taken in inputs)
    return tuple(clause if len(names) == images else f"{', '.join(names)}: {clause}" for clause, names in found.items())


def _of_image(
    used: Preprocessing, source: ModelSource, wish: InputWish | None, carried: Mapping[str, Any], size_is_known: bool
) -> Iterator[str]:
    unsaid = [
        (name, values)
        for name, values in (("mean", used.mean), ("std", used.std))
        if getattr(source, name) is None and name not in carried
    ]
    if unsaid:
        listed = " and ".join(f"{name} {' '.join(f'{value:g}' for value in values)}" for name, values in unsaid)
        imagenet = all(values in (IMAGENET_MEAN, IMAGENET_STD) for _, values in unsaid)
        yield f"{listed}{', as of ImageNet' if imagenet else ''} ({', '.join(f'--{name}' for name, _ in unsaid)})"
    wished_size = wish is not None and wish.size is not None
    if not (carried or size_is_known or wished_size or source.input_size is not None or source.crop is not None):
        yield f"images of {used.size_text} px (--input-size)"
    if source.fit is None and not carried:
        scaled = "" if source.resize is not None else f" scaled to cover {'x'.join(map(str, used.covered))} px"
        yield f"the centre of a photo{scaled} (--fit{'' if source.resize is not None else ', --resize'})"
    wished_channels = wish is not None and wish.channels is not None
    if used.depth == 3 and source.channels is None and not carried and not wished_channels:
        yield f"channels {used.channels} (--channels)"
    if source.value_range is None and not carried:
        yield f"pixels in 0..{used.value_range} before mean and std (--value-range)"
