"""What a network takes: put together from what a user says, a program's shape, and what a checkpoint carries."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from ca_deploy.errors import UsageError
from ca_deploy.networks.arguments import Argument
from ca_deploy.networks.stated_image import MOST_VALUES
from ca_deploy.records.input_wish import InputWish
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
from ca_deploy.records.signature import NetworkInput
from ca_deploy.records.tensors import DType

_BY_COUNT: dict[int, Channels] = {1: "grey", 3: "RGB", 4: "RGBA"}
_USUAL_MARGIN = 8 / 7  # of resize over crop, as ImageNet's networks are evaluated
# The options for images, as they are called in ModelSource.
_OF_IMAGES = ("input_size", "mean", "std", "resize", "crop", "fit", "channels", "value_range", "padding")


def inputs_of(
    arguments: Sequence[Argument], source: ModelSource, metadata: Mapping[str, Any], default: Size
) -> tuple[NetworkInput, ...]:
    """The inputs behind a network's arguments; ``default`` is an image's size where nothing says one.

    Raises:
        UsageError: options that contradict each other or the network.
    """
    inputs = tuple(_input(argument, source, metadata, default) for argument in arguments)
    if not any(taken.preprocessing for taken in inputs):
        _refuse_image_options(source, inputs)
    for taken in inputs:
        if math.prod(taken.shape) > MOST_VALUES:
            raise UsageError(
                f"Input {taken.name} is {taken.text}, more than {MOST_VALUES:,} values: nothing runs that."
            )
    return inputs


def _input(argument: Argument, source: ModelSource, metadata: Mapping[str, Any], default: Size) -> NetworkInput:
    wish, shape = argument.wish, argument.shape
    if shape is not None and shape[0] > 1:
        raise UsageError(
            f"The program's input {argument.name} {shape} is fixed to {shape[0]} samples at once: its first side is "
            "the batch. Save it again with a batch of one, or a dynamic one; --batch sets that of the files."
        )
    if wish is not None and wish.shape is not None:
        return _tensor(argument, wish.shape, wish.dtype)
    if shape is None or argument.may_be_image:
        program = (shape[1], shape[2], shape[3]) if shape is not None else None
        return _image(argument.name, source if wish is None else _with(source, wish), metadata, default, program)
    if wish is not None:
        raise UsageError(
            f"--input {argument.name}=image: the program takes {argument.dtype} {shape}, and an image is float32 "
            "(N, C, H, W) with 1, 3 or 4 channels."
        )
    if -1 in shape[1:]:
        open_sides = "x".join("N" if side < 0 else str(side) for side in shape[1:])
        raise UsageError(
            f"The program's input {argument.name}, {argument.dtype} {shape}, has free sides (-1). Say what they are: "
            f"--input {argument.name}={open_sides}, with numbers for N."
        )
    return NetworkInput(argument.name, (1, *shape[1:]), cast(DType, argument.dtype))


def _refuse_image_options(source: ModelSource, inputs: Sequence[NetworkInput]) -> None:
    given = [name for name in _OF_IMAGES if getattr(source, name) is not None]
    if given:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        raise UsageError(
            f"{flags}: the network takes {' and '.join(taken.text for taken in inputs)}, and no image. Drop {flags}."
        )


def _tensor(argument: Argument, shape: tuple[int, ...], dtype: DType) -> NetworkInput:
    program = argument.shape
    if program is not None:
        fits = len(program) == len(shape) + 1 and all(p in (s, -1) for s, p in zip(shape, program[1:], strict=True))
        if not fits or dtype != argument.dtype:
            raise UsageError(
                f"--input {argument.name} says {dtype} {shape} without the batch, and the program takes "
                f"{argument.dtype} {program}, where -1 is free."
            )
    return NetworkInput(argument.name, (1, *shape), dtype)


def _image(
    name: str, source: ModelSource, metadata: Mapping[str, Any], default: Size, program: tuple[int, int, int] | None
) -> NetworkInput:
    preprocessing = preprocessing_of(source, metadata, default, program)
    shape = (1, preprocessing.depth, preprocessing.height, preprocessing.width)
    return NetworkInput(name, shape, preprocessing=preprocessing)


def _with(source: ModelSource, wish: InputWish) -> ModelSource:
    """The source, with the size and channels of one image where its wish has some."""
    if wish.size is not None:
        source = replace(source, input_size=wish.size, crop=None)
    return source if wish.channels is None else replace(source, channels=wish.channels)


def preprocessing_of(
    source: ModelSource, metadata: Mapping[str, Any], default: Size, program: tuple[int, int, int] | None
) -> Preprocessing:
    """How photos become the network's input: options first, then what the checkpoint carries, then ImageNet's custom.

    ``default`` is the size where nothing says one, and ``program`` the shape ``(C, H, W)`` that a program is fixed to,
    in which -1 is free.

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
    own = program[1:] if program is not None else (-1, -1)
    fixed = own if min(own) > 0 else None
    known = (source.input_size, fixed, source.crop, carried.get("crop"), default)
    size = _as_size(next(value for value in known if value is not None))
    if source.input_size is None:  # a side that a program leaves open has the usual size
        size = _as_size([side if side > 0 else usual for side, usual in zip(own, sides(size), strict=True)])
    elif any(side not in (-1, wished) for side, wished in zip(own, sides(size), strict=True)):
        free = " x ".join("any" if side < 0 else str(side) for side in own)
        raise UsageError(
            f"{source.model} was exported for {_text(own) if fixed else free} px, so --input-size {_text(size)} is not "
            "possible. Export the program again at that size."
        )
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
