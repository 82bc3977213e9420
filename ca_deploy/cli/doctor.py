"""``ca-deploy doctor``"""

from pathlib import Path
from typing import Annotated

import typer

from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress


@command
def doctor(
    make_bundle: Annotated[
        Path | None,
        typer.Option(
            help="Write the runtimes' ARM libraries to this file, for `profile --bundle` on an offline machine."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """What measuring on devices needs, what is missing here, and how to install it."""
    from ca_deploy.doctor import examine
    from ca_deploy.native import bundle
    from ca_deploy.render import terminal as render
    from ca_deploy.render.doctor import page

    if make_bundle is not None:
        with progress():
            bundle.make_bundle(make_bundle)
    found = examine()
    if json:
        print_json(found)
    else:
        render.show(page(found, make_bundle))
