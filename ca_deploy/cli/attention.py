"""``ca-deploy attention``"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ca_deploy.cli import _completion
from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress

if TYPE_CHECKING:
    from ca_deploy.records.model import ModelSource


@command
@options.model_options(only=("random_weights", "task", "labels", *options.NETWORK, *options.PREPROCESSING))
def attention(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Networks, each as for export, and exported files; several are drawn below each other.",
            show_default=False,
            autocompletion=_completion.models,
        ),
    ],
    image: Annotated[Path, typer.Option("--image", "-i", help="The photo.", show_default=False)],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="A picture: .png, .svg or .pdf.")] = None,
    block: Annotated[
        list[str] | None,
        typer.Option(
            "--block", help="Path of a block to draw; by default the last one of each size of map. Repeatable."
        ),
    ] = None,
    wanted: Annotated[
        str | None,
        typer.Option("--class", help="Label or number of the class that Grad-CAM explains; by default the best."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(
            "--against", help="The network that exported files were made from, where their manifests cannot say."
        ),
    ] = None,
    *,
    source: "ModelSource",
    json: options.Json = False,
) -> None:
    """Where networks look: the gates of their attention on a photo, and Grad-CAM, as figures and drawn."""
    import ca_deploy
    from ca_deploy.render import terminal as render
    from ca_deploy.render.attention import page

    with progress() as display:
        reports = ca_deploy.attention(
            [options.of_model(source, model) for model in models],
            image,
            output=output,
            blocks=block or (),
            wanted=wanted,
            against=against,
            step=partial(display.step, ""),
        )
    if json:
        print_json(reports)
    else:
        render.show(page(reports, output))
