"""Options that several commands share; those that describe a model become one :class:`ModelSource`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ca_deploy.cli import _completion
from ca_deploy.errors import UsageError

if TYPE_CHECKING:
    from ca_deploy.records.model import ModelSource

_MODEL = "Model"
_PREPROCESSING = "Preprocessing, for models that do not contain it"
_Triple = tuple[float, float, float]

# By the name of the field of ModelSource.
_MODEL_OPTIONS: dict[str, Any] = {
    "weights": Annotated[
        Path | None,
        typer.Option("--weights", "-w", help="Trained weights: .safetensors, .pth, .pt.", rich_help_panel=_MODEL),
    ],
    "weights_key": Annotated[
        str | None,
        typer.Option(help="Which weights, if several in the file fit: state_dict_ema.", rich_help_panel=_MODEL),
    ],
    "backbone_weights": Annotated[
        Path | None,
        typer.Option(
            help="Weights of the same network without attention, which is added with open gates.",
            rich_help_panel=_MODEL,
        ),
    ],
    "input_size": Annotated[
        str | None,
        typer.Option(
            "--input-size",
            "-s",
            help="Size of the input image in pixels: 224, or HEIGHTxWIDTH.",
            rich_help_panel=_MODEL,
        ),
    ],
    "num_classes": Annotated[int | None, typer.Option(help="Number of classes.", rich_help_panel=_MODEL)],
    "width": Annotated[float | None, typer.Option(help="Width multiplier.", rich_help_panel=_MODEL)],
    "random_weights": Annotated[
        bool, typer.Option("--random-weights", help="Accept an untrained network.", rich_help_panel=_MODEL)
    ],
    "evaluation_mode": Annotated[
        bool,
        typer.Option(
            "--eval",
            help="Rewrite a .pt2 program that was saved in training mode to evaluation mode, where that is exact.",
            rich_help_panel=_MODEL,
        ),
    ],
    "name": Annotated[
        str | None, typer.Option(help="What the files are called instead of the model.", rich_help_panel=_MODEL)
    ],
    "task": Annotated[
        str | None,
        typer.Option(
            help="Meaning of the output, a name of `ca-deploy list tasks`.",
            autocompletion=_completion.tasks,
            rich_help_panel=_MODEL,
        ),
    ],
    "head": Annotated[
        str | None,
        typer.Option(
            help="What the file gives, a name of `ca-deploy list heads`; by default what the network does.",
            autocompletion=_completion.heads,
            rich_help_panel=_MODEL,
        ),
    ],
    "score_threshold": Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Of --head nms: the least score of a detection.",
            rich_help_panel=_MODEL,
            show_default="0.01",
        ),
    ],
    "iou_threshold": Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Of --head nms: boxes of one class that overlap more are one thing.",
            rich_help_panel=_MODEL,
            show_default="0.5",
        ),
    ],
    "max_detections": Annotated[
        int | None,
        typer.Option(
            min=1, help="Of --head nms: the places for detections.", rich_help_panel=_MODEL, show_default="100"
        ),
    ],
    "inputs": Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            help="What a parameter of forward is: NAME=image, NAME=image:96x128:grey, or the shape of a plain tensor "
            "without its batch, NAME=10x16 or NAME=10x16:int64. Repeatable.",
            rich_help_panel=_MODEL,
            show_default=False,
        ),
    ],
    "mean": Annotated[
        _Triple | None,
        typer.Option(help="Mean of R, G, B in 0..1.", rich_help_panel=_PREPROCESSING, show_default=False),
    ],
    "std": Annotated[
        _Triple | None,
        typer.Option(help="Standard deviation of R, G, B.", rich_help_panel=_PREPROCESSING, show_default=False),
    ],
    "resize": Annotated[int | None, typer.Option(help="Shorter side in pixels.", rich_help_panel=_PREPROCESSING)],
    "crop": Annotated[
        str | None, typer.Option(help="Size that is cut out: 224, or HEIGHTxWIDTH.", rich_help_panel=_PREPROCESSING)
    ],
    "fit": Annotated[
        str | None,
        typer.Option(
            help="How a photo gets the input's size: crop (the default), stretch, letterbox, none.",
            rich_help_panel=_PREPROCESSING,
        ),
    ],
    "padding": Annotated[
        tuple[int, int, int] | None,
        typer.Option(
            help="Colour around a letterboxed photo: R G B, 0 to 255.",
            rich_help_panel=_PREPROCESSING,
            show_default=False,
        ),
    ],
    "channels": Annotated[
        str | None,
        typer.Option(help="Of the network: RGB (the default), BGR, grey or RGBA.", rich_help_panel=_PREPROCESSING),
    ],
    "value_range": Annotated[
        int | None,
        typer.Option(
            help="Pixels are scaled to 0..1 (the default) or stay 0..255, before mean and std.",
            rich_help_panel=_PREPROCESSING,
        ),
    ],
    "labels": Annotated[
        Path | None,
        typer.Option("--labels", "-l", help="Text file, one class per line.", rich_help_panel=_PREPROCESSING),
    ],
}

_SWITCHES = ("random_weights", "evaluation_mode")
COMPARED = tuple(name for name in _MODEL_OPTIONS if name != "name")
NETWORK = (
    "weights",
    "weights_key",
    "backbone_weights",
    "input_size",
    "num_classes",
    "width",
    "inputs",
    "evaluation_mode",
)
HEAD = ("task", "head", "score_threshold", "iou_threshold", "max_detections")
PREPROCESSING = ("mean", "std", "resize", "crop", "fit", "channels", "value_range")

FileOrModel = Annotated[
    str,
    typer.Argument(
        help="An exported file, or a model as for export.", show_default=False, autocompletion=_completion.models
    ),
]
Json = Annotated[bool, typer.Option("--json", "-j", help="Print JSON instead of tables.")]
Runtime = Annotated[
    str | None,
    typer.Option(
        help="A name of `ca-deploy list runtimes`; by default the first that opens such a file.",
        autocompletion=_completion.runtimes,
    ),
]
Threads = Annotated[int, typer.Option(min=1, help="Threads of the runtime.")]


def model_options(
    *, only: Collection[str] = tuple(_MODEL_OPTIONS)
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a command's parameter ``source`` by the options that describe a model.

    ``only`` names those that apply to the command. The command is called with a :class:`ModelSource` of the
    default model, and sets its model with :func:`of_model`.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        keyword = inspect.Parameter.KEYWORD_ONLY
        options = [
            inspect.Parameter(name, keyword, default=False if name in _SWITCHES else None, annotation=annotation)
            for name, annotation in _MODEL_OPTIONS.items()
            if name in only
        ]

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> None:
            from ca_deploy.records.input_wish import input_wish
            from ca_deploy.records.model import ModelSource

            given = {option.name: kwargs.pop(option.name) for option in options}
            # Absolute, so that the paths in a manifest are valid in any folder.
            paths = {name: value.absolute() for name, value in given.items() if isinstance(value, Path)}
            sizes = {name: _size(name, given[name]) for name in ("input_size", "crop") if given.get(name) is not None}
            wishes = {"inputs": tuple(map(input_wish, given["inputs"] or ()))} if "inputs" in given else {}
            function(*args, source=ModelSource(**{**given, **paths, **sizes, **wishes}), **kwargs)

        own = list(inspect.signature(function, eval_str=False).parameters.values())
        place = [parameter.name for parameter in own].index("source")
        parameters = [*own[:place], *options, *own[place + 1 :]]
        signature = inspect.Signature(parameters, return_annotation=None)
        wrapped.__signature__ = signature  # type: ignore[attr-defined]
        wrapped.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return wrapped

    return decorate


def of_model(source: ModelSource, model: str | None) -> ModelSource:
    """The same options for the named model; None is the default model."""
    if model is None:
        return source
    return replace(source, model=str(Path(model).absolute()) if model.endswith(".pt2") else model)


def _size(option: str, text: str) -> int | tuple[int, int]:
    numbers = [part for part in text.lower().split("x") if part.isascii() and part.isdigit()]
    if len(numbers) == 1 == len(text.split("x")):
        return int(numbers[0])
    if len(numbers) == 2 == len(text.lower().split("x")):
        return int(numbers[0]), int(numbers[1])
    flag = "--" + option.replace("_", "-")
    raise UsageError(f"{flag} {text!r} is not a size in pixels: write 224, or height and width as 384x640.")


def several_sizes(option: str, text: str | None) -> list[tuple[int, int]]:
    """``224,384x640`` as heights and widths."""
    from ca_deploy.records.preprocessing import sides

    return [sides(_size(option, part.strip())) for part in text.split(",")] if text is not None else []
