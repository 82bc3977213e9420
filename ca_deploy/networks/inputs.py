"""What a network takes: put together from what a user says, a program's shape, and what a checkpoint carries."""

from collections.abc import Mapping
from typing import Any

from ca_deploy.errors import UsageError
from ca_deploy.records.model import ModelSource
from ca_deploy.records.preprocessing import (
    CHANNEL_COUNT,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Channels,
    Preprocessing,
    Size,
    one_per_channel,
    sides,
)

_BY_COUNT: dict[int, Channels] = {1: "grey", 3: "RGB", 4: "RGBA"}
_USUAL_MARGIN = 8 / 7  # of resize over crop, as ImageNet's networks are evaluated
DEPTHS = tuple(_BY_COUNT)


def preprocessing_of(
    source: ModelSource, metadata: Mapping[str, Any], default: Size, program: tuple[int, int, int] | None
) -> Preprocessing:
    """How photos become the network's input: options first, then what the checkpoint carries, then ImageNet's custom.

    ``default`` is the size where nothing says one, and ``program`` the shape ``(C, H, W)`` that a program is fixed to.

    Raises:
        UsageError: options that contradict each other or the program.
    """
    carried: Mapping[str, Any] = metadata.get("preprocessing", {})
    size = _size(source, carried, default, program)
    fit = source.fit or carried.get("fit", "crop")
    if source.resize is not None and fit != "crop":
        raise UsageError(f"--resize {source.resize} belongs to --fit crop; with --fit {fit} leave it out.")
    channels = _channels(source, carried, program)
    value_range = source.value_range or carried.get("value_range", 1)
    raw = value_range == 255
    usual = {"mean": (0.0, 0.0, 0.0) if raw else IMAGENET_MEAN, "std": (1.0, 1.0, 1.0) if raw else IMAGENET_STD}
    mean = source.mean or tuple(carried.get("mean", usual["mean"]))
    std = source.std or tuple(carried.get("std", usual["std"]))
    shorter = min(sides(size))
    margin = carried["resize"] / min(sides(_as_size(carried["crop"]))) if "resize" in carried else _USUAL_MARGIN
    resize = source.resize if source.resize is not None else round(shorter * margin) if fit == "crop" else shorter
    return Preprocessing(
        resize=resize,
        crop=size,
        mean=mean if len(mean) != 3 else one_per_channel(mean, channels, alpha=0.0),
        std=std if len(std) != 3 else one_per_channel(std, channels, alpha=1.0),
        fit=fit,
        channels=channels,
        value_range=value_range,
        padding=source.padding or tuple(carried.get("padding", (114, 114, 114))),
    )


def _size(source: ModelSource, carried: Mapping[str, Any], default: Size, program: tuple[int, int, int] | None) -> Size:
    fixed = program[1:] if program is not None else None
    if fixed is not None and source.input_size is not None and sides(source.input_size) != fixed:
        raise UsageError(
            f"{source.model} was exported for {_text(fixed)} px, so --input-size {_text(source.input_size)} is not "
            "possible. Export the program again at that size."
        )
    known = (source.input_size, fixed, source.crop, carried.get("crop"), default)
    size = _as_size(next(value for value in known if value is not None))
    if min(sides(size)) < 1:
        raise UsageError(f"--input-size {_text(size)} is not possible: it is the size of the image in pixels.")
    if source.crop is not None and sides(source.crop) != sides(size):
        raise UsageError(
            f"--crop {_text(source.crop)} and --input-size {_text(size)} contradict each other: the crop is the input."
        )
    return size


def _channels(source: ModelSource, carried: Mapping[str, Any], program: tuple[int, int, int] | None) -> Channels:
    wished: Channels | None = source.channels or carried.get("channels")
    if program is None:
        return wished or "RGB"
    if wished is not None and CHANNEL_COUNT[wished] != program[0]:
        raise UsageError(f"{source.model} takes {program[0]} channels, so --channels {wished} is not possible.")
    return wished or _BY_COUNT[program[0]]


def _as_size(value: Any) -> Size:
    """One number where both sides are equal: what a square image has always been called."""
    height, width = sides(value if isinstance(value, int) else (int(value[0]), int(value[1])))
    return height if height == width else (height, width)


def _text(size: Size) -> str:
    height, width = sides(size)
    return str(height) if height == width else f"{height}x{width}"
