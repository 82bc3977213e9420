"""``ca-deploy parity``"""

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
def parity(
    file: Annotated[
        str, typer.Argument(help="An exported file, of a format in `ca-deploy list formats`.", show_default=False)
    ],
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            "-a",
            help="A model or another file; by default the manifest's, if `ca-deploy list models` has it.",
            autocompletion=_completion.models,
        ),
    ] = None,
    runtime: Annotated[
        list[str] | None,
        typer.Option(
            help="A name of `ca-deploy list runtimes`; by default the first that opens such a file. Repeatable: the "
            "worst decides.",
            autocompletion=_completion.runtimes,
        ),
    ] = None,
    threads: options.Threads = 1,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            "-c",
            help="A set or folder whose held-out images to compare on, instead of the export's.",
            autocompletion=_completion.calibrations,
        ),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(help="Where the folder or file of the export's held-out images is now.")
    ] = None,
    load_inputs: Annotated[Path | None, typer.Option(help="Compare on the images in this .npz.")] = None,
    input_shape: Annotated[
        list[str] | None,
        typer.Option(
            help="Of two files without a manifest, the shape of an input that they leave open: 1x16, NAME=1x16, or "
            "SIGNATURE/NAME=1x16. Repeatable."
        ),
    ] = None,
    save_inputs: Annotated[Path | None, typer.Option(help="Save the images to this .npz.")] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Also compare what each module gives: where is accuracy lost?")
    ] = False,
    max_abs_error: Annotated[float | None, typer.Option(help="Tolerance instead of the recipe's.")] = None,
    sqnr_db: Annotated[float | None, typer.Option(help="Tolerance in dB instead of the recipe's.")] = None,
    agreement_percent: Annotated[float | None, typer.Option(help="Tolerance instead of the recipe's.")] = None,
    *,
    source: "ModelSource",
    json: options.Json = False,
) -> None:
    """Does FILE compute what PyTorch (or another file) computes? On held-out images, in any runtime.

    Exit code 1: a tolerance was missed.
    """
    import ca_deploy
    from ca_deploy.evaluation.predictor import model_suffixes
    from ca_deploy.records.recipe import Tolerances
    from ca_deploy.render import terminal as render
    from ca_deploy.render.parity import page

    reference: str | ModelSource | None = against
    if against is not None and not against.rstrip("/").endswith(model_suffixes()):
        reference = source = options.of_model(source, against)
    given = any(value is not None for value in (max_abs_error, sqnr_db, agreement_percent))
    with progress() as display:
        report = ca_deploy.compare(
            file,
            reference,
            runtime=runtime,
            threads=threads,
            source=source,
            calibration=calibration,
            images=images,
            tolerances=Tolerances(max_abs_error, sqnr_db, agreement_percent) if given else None,
            load_inputs=load_inputs,
            input_shape=input_shape or (),
            save_inputs=save_inputs,
            layers=layers,
            progress=partial(display.count, "images"),
        )
    if json:
        print_json(report)
    else:
        render.show(page(report))
    if report.status == "fail":
        raise typer.Exit(1)
