"""``ca-deploy sweep``"""

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress


@command
def sweep(
    file: Annotated[Path, typer.Argument(help="SWEEP.toml: the models, recipes and devices.", show_default=False)],
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="Folder for files, reports and sweep.json.", show_default=False),
    ],
    scheduler: Annotated[
        str | None,
        typer.Option(help="Address of a Dask scheduler, tcp://HOST:8786, instead of workers on this machine."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Workers on this machine; by default as many as fit into memory.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Export models with several recipes and calibration sets, and measure every file on devices, in one table.

    A second run makes only what is missing. Exit code 1: something failed, or missed its tolerances.
    """
    import ca_deploy
    from ca_deploy.render import terminal as render
    from ca_deploy.render.sweep import page

    with progress() as display:
        record = ca_deploy.sweep(
            file,
            output,
            scheduler=scheduler,
            workers=workers,
            step=display.step,
            progress=partial(display.count, "cells"),
        )
    if json:
        print_json(record)
    else:
        render.show(page(record, output))
    if not record.passed:
        raise typer.Exit(1)
