"""Options that several commands share; those that describe a model become one :class:`ModelSource`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ca_deploy.records.model import ModelSource

_MODEL = "Model"
_PREPROCESSING = "Preprocessing, for models that do not contain it"
_Triple = tuple[float, float, float]

# By the name of the field of ModelSource.
_MODEL_OPTIONS: dict[str, Any] = {
    "weights": Annotated[
        Path | None, typer.Option(help="Trained weights: .safetensors, .pth, .pt.", rich_help_panel=_MODEL)
    ],
    "input_size": Annotated[int | None, typer.Option(help="Side of the input in pixels.", rich_help_panel=_MODEL)],
    "num_classes": Annotated[int | None, typer.Option(help="Number of classes.", rich_help_panel=_MODEL)],
    "width": Annotated[float | None, typer.Option(help="Width multiplier.", rich_help_panel=_MODEL)],
    "random_weights": Annotated[
        bool, typer.Option("--random-weights", help="Accept an untrained network.", rich_help_panel=_MODEL)
    ],
    "task": Annotated[
        str | None,
        typer.Option(help="Meaning of the output, a name of `ca-deploy list tasks`.", rich_help_panel=_MODEL),
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
    "crop": Annotated[int | None, typer.Option(help="Central square in pixels.", rich_help_panel=_PREPROCESSING)],
    "labels": Annotated[
        Path | None, typer.Option(help="Text file, one class per line.", rich_help_panel=_PREPROCESSING)
    ],
}

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Runtime = Annotated[
    str | None,
    typer.Option(
        help="litert, litert:builtin, litert:reference, tensorflow[:builtin|:reference], "
        "onnxruntime[:default|:reference], coreml (on a Mac), mil."
    ),
]
Threads = Annotated[int, typer.Option(min=1, help="Threads of the runtime.")]


def model_options(*, without: Collection[str] = ()) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Replace a command's parameter ``source`` by the options that describe a model.

    ``without`` names options that do not apply to the command. The command is called with a :class:`ModelSource` of the
    default model, and sets its model with :func:`of_model`.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        keyword = inspect.Parameter.KEYWORD_ONLY
        options = [
            inspect.Parameter(name, keyword, default=False if name == "random_weights" else None, annotation=annotation)
            for name, annotation in _MODEL_OPTIONS.items()
            if name not in without
        ]

        @functools.wraps(function)
        def wrapped(*args: Any, **kwargs: Any) -> None:
            from ca_deploy.records.model import ModelSource

            given = {option.name: kwargs.pop(option.name) for option in options}
            # Absolute, so that the paths in a manifest are valid in any folder.
            paths = {name: value.absolute() for name, value in given.items() if isinstance(value, Path)}
            function(*args, source=ModelSource(**{**given, **paths}), **kwargs)

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
