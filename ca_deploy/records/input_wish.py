"""What a user says of one input of a network: ``--input NAME=image:96x128:grey`` or ``--input NAME=10x16:int64``."""

import re
from typing import cast, get_args

from ca_deploy.errors import UsageError
from ca_deploy.records.preprocessing import CHANNEL_COUNT, Channels, Size
from ca_deploy.records.record import record
from ca_deploy.records.tensors import DType

_FORMS = (
    "Write NAME=image, NAME=image:HEIGHTxWIDTH:CHANNELS, or for a plain tensor its shape without the batch, "
    "NAME=10x16 or NAME=10x16:int64 (NAME=scalar for one number per sample)."
)


@record
class InputWish:
    """An image with a size and channels of its own, where given, or a plain tensor of ``shape`` (without the batch).

    ``name`` is that of a parameter of the network's ``forward``; "" is its only one. ``shape`` is None for an image.
    """

    name: str
    shape: tuple[int, ...] | None = None
    dtype: DType = "float32"
    size: Size | None = None
    channels: Channels | None = None

    def __post_init__(self) -> None:
        if self.shape is not None and (min(self.shape, default=1) < 1 or self.size is not None or self.channels):
            raise UsageError(
                f"--input {self.name}: a tensor has a shape of positive sides, an image size and channels."
            )

    @property
    def text(self) -> str:
        """As ``--input`` is written."""
        if self.shape is not None:
            return f"{self.name}={'x'.join(map(str, self.shape)) or 'scalar'}:{self.dtype}"
        size = "x".join(map(str, self.size)) if isinstance(self.size, tuple) else self.size
        return ":".join([f"{self.name}=image", *(str(part) for part in (size, self.channels) if part is not None)])


def input_wish(text: str) -> InputWish:
    """What ``--input`` says.

    Raises:
        UsageError: it has another form.
    """
    name, equals, form = text.partition("=")
    kind, *more = form.split(":")
    if not equals or not name.isidentifier():
        raise UsageError(f"--input {text!r} does not say what an input is. {_FORMS}")
    if kind == "image":
        size: Size | None = None
        channels: Channels | None = None
        for part in more:
            if part in CHANNEL_COUNT:
                channels = part
            elif (sides := _sides(part)) and len(sides) <= 2:
                size = sides[0] if len(sides) == 1 else (sides[0], sides[1])
            else:
                raise UsageError(
                    f"--input {text!r}: {part!r} is neither a size in pixels nor channels "
                    f"({', '.join(CHANNEL_COUNT)}). {_FORMS}"
                )
        return InputWish(name, size=size, channels=channels)
    shape = () if kind == "scalar" else _sides(kind)
    if shape is None or len(more) > 1:
        raise UsageError(f"--input {text!r}: {form!r} is neither image nor a shape. {_FORMS}")
    dtype = more[0] if more else "float32"
    if dtype not in get_args(DType):
        raise UsageError(f"--input {text!r}: {dtype!r} is no type. One of: {', '.join(get_args(DType))}.")
    return InputWish(name, shape, cast(DType, dtype))


def _sides(text: str) -> tuple[int, ...] | None:
    """``384x640`` as numbers; None if it is something else."""
    if not re.fullmatch(r"[1-9][0-9]{0,8}(x[1-9][0-9]{0,8}){0,7}", text):
        return None
    return tuple(map(int, text.split("x")))
