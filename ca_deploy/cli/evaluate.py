"""``ca-deploy evaluate``"""

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
@options.model_options(only=options.COMPARED)
def evaluate(
    model: options.FileOrModel,
    data: Annotated[
        Path,
        typer.Option(
            help="Labelled photos: `DATA/<class>/<photo>`; COCO JSON, VOC or YOLO for boxes; `images/` and `masks/`.",
            show_default=False,
        ),
    ],
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            "-a",
            help="A second file or model, for a paired comparison.",
            autocompletion=_completion.models,
        ),
    ] = None,
    runtime: options.Runtime = None,
    threads: options.Threads = 1,
    scheduler: Annotated[
        str | None,
        typer.Option(help="Share the photos among the workers of a Dask scheduler, tcp://HOST:8786."),
    ] = None,
    *,
    source: "ModelSource",
    json: options.Json = False,
) -> None:
    """Accuracy on labelled photos (top-1 and top-5); with --against, whether a difference is significant (McNemar)."""
    import ca_deploy
    from ca_deploy.render import terminal as render
    from ca_deploy.render.accuracy import page

    with progress() as display:
        report = ca_deploy.evaluate(
            model,
            data,
            against=against,
            runtime=runtime,
            threads=threads,
            source=source,
            scheduler=scheduler,
            step=display.step,
            progress=partial(display.count, "photos"),
        )
    if json:
        print_json(report)
    else:
        render.show(page(report))
