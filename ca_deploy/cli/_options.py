"""Options that several commands share, and the :class:`ModelSource` that they add up to."""

from pathlib import Path
from typing import Annotated

import typer

from ca_deploy.records.model import ModelSource

_MODEL = "Model"
_PREPROCESSING = "Preprocessing, for models that do not carry it"

Weights = Annotated[Path | None, typer.Option(help="Trained weights: .safetensors, .pth, .pt.", rich_help_panel=_MODEL)]
InputSize = Annotated[int | None, typer.Option(help="Side of the input image in pixels.", rich_help_panel=_MODEL)]
NumClasses = Annotated[int | None, typer.Option(help="Number of classes.", rich_help_panel=_MODEL)]
Width = Annotated[float | None, typer.Option(help="Width multiplier.", rich_help_panel=_MODEL)]
RandomWeights = Annotated[
    bool, typer.Option("--random-weights", help="Accept an untrained network.", rich_help_panel=_MODEL)
]
Triple = tuple[float, float, float]
Mean = Annotated[
    Triple | None, typer.Option(help="Mean of R, G, B in 0..1.", rich_help_panel=_PREPROCESSING, show_default=False)
]
Std = Annotated[
    Triple | None, typer.Option(help="Deviation of R, G, B.", rich_help_panel=_PREPROCESSING, show_default=False)
]
Resize = Annotated[int | None, typer.Option(help="Shorter side in pixels.", rich_help_panel=_PREPROCESSING)]
Crop = Annotated[int | None, typer.Option(help="Central square in pixels.", rich_help_panel=_PREPROCESSING)]
Labels = Annotated[Path | None, typer.Option(help="Text file, one class a line.", rich_help_panel=_PREPROCESSING)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Runtime = Annotated[
    str | None,
    typer.Option(
        help="litert, litert:builtin, litert:reference, tensorflow[:builtin|:reference], "
        "onnxruntime[:default|:reference], coreml (on a Mac), mil."
    ),
]
Threads = Annotated[int, typer.Option(min=1, help="Threads of the runtime.")]


def model_source(
    model: str | None,
    weights: Path | None,
    input_size: int | None,
    num_classes: int | None,
    width: float | None,
    random_weights: bool,
    mean: Triple | None,
    std: Triple | None,
    resize: int | None,
    crop: int | None,
    labels: Path | None,
) -> ModelSource:
    """Paths become absolute, so that a manifest still finds them from elsewhere."""
    return ModelSource(
        model=str(Path(model).absolute()) if model and model.endswith(".pt2") else model or ModelSource().model,
        weights=weights.absolute() if weights else None,
        input_size=input_size,
        num_classes=num_classes,
        width=width,
        random_weights=random_weights,
        mean=mean,
        std=std,
        resize=resize,
        crop=crop,
        labels=labels.absolute() if labels else None,
    )
