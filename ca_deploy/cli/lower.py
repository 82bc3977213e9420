"""``ca-deploy lower``"""

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ca_deploy.cli import _completion
from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress

if TYPE_CHECKING:
    from ca_deploy.records.model import ModelSource


@command
@options.model_options(only=("random_weights", *options.NETWORK, *options.HEAD, *options.PREPROCESSING))
def lower(
    model: Annotated[
        str | None,
        typer.Argument(help="A model as for export.", show_default=False, autocompletion=_completion.models),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            help="A name of `ca-deploy list lowerings`; all by default. Repeatable.",
            autocompletion=_completion.lowerings,
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            "-c",
            help="Photos or samples as for export: the first gives the proofs real activations.",
            autocompletion=_completion.calibrations,
        ),
    ] = None,
    *,
    source: "ModelSource",
    json: options.Json = False,
) -> None:
    """Show how each block of attention is written for each runtime, with the proof that it is the same function.

    Nothing is exported. Exit code 1: a rewrite was not proved.
    """
    import ca_deploy
    from ca_deploy.render import terminal as render
    from ca_deploy.render.lowering import page

    with progress() as display:
        found = ca_deploy.lower(
            options.of_model(source, model), target or (), calibration=calibration, step=partial(display.step, "")
        )
    if json:
        print_json(found)
    else:
        render.show(page(found))
    if any(lowering.not_proved for lowering in found.values()):
        raise typer.Exit(1)
