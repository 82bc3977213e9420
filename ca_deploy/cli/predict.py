"""``ca-deploy predict``"""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress

if TYPE_CHECKING:
    from ca_deploy.records.model import ModelSource


@command
@options.model_options(only=options.COMPARED)
def predict(
    model: options.FileOrModel,
    images: Annotated[list[Path], typer.Argument(help="Photos, and folders of photos or frames.", show_default=False)],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A .json, a picture of an only photo (.png, .jpg, .webp), or a folder for a picture of each.",
        ),
    ] = None,
    runtime: options.Runtime = None,
    threads: options.Threads = 1,
    *,
    source: "ModelSource",
    json: options.Json = False,
) -> None:
    """Labels, boxes or areas of photos, as the model itself finds them, printed and drawn on the photos."""
    import ca_deploy
    from ca_deploy.render import terminal as render
    from ca_deploy.render.prediction import page

    with progress() as display:
        report = ca_deploy.predict(
            model,
            images,
            output=output,
            runtime=runtime,
            threads=threads,
            source=source,
            progress=partial(display.count, "photos"),
        )
    if json:
        print_json(report)
    else:
        render.show(page(report, output))
