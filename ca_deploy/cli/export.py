"""``ca-deploy export``"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ca_deploy.cli import _completion
from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress, say
from ca_deploy.errors import ExportFailed

if TYPE_CHECKING:
    from ca_deploy.records.model import ModelSource


@command
@options.model_options()
def export(
    model: Annotated[
        str | None,
        typer.Argument(
            help="A name of `ca-deploy list models`, package.module:factory, or FILE.pt2.",
            show_default=False,
            autocompletion=_completion.models,
        ),
    ] = None,
    format: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            "-f",
            help="A name of `ca-deploy list formats`. Repeatable.",
            autocompletion=_completion.formats,
        ),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="INT8 weights and activations, float input and output.")] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="16-bit float weights.")] = False,
    recipe: Annotated[
        list[str] | None,
        typer.Option(
            "--recipe",
            "-r",
            help="A name of `ca-deploy list recipes`, or FILE.toml. Repeatable.",
            autocompletion=_completion.recipes,
        ),
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(
            "--calibration",
            "-c",
            help="A name of `ca-deploy list calibrations`, FILE.toml, a folder of photos, or FILE.npz of samples.",
            autocompletion=_completion.calibrations,
        ),
    ] = None,
    calibration_count: Annotated[int | None, typer.Option(min=1, help="Number of calibration images.")] = None,
    held_out: Annotated[
        int | None, typer.Option(min=32, help="Number of images held out to verify the files; 128 by default.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the files.")] = Path(),
    batch: Annotated[int, typer.Option(min=1, help="Number of images or samples per inference.")] = 1,
    dynamic_batch: Annotated[
        bool, typer.Option("--dynamic-batch", help="Dynamic batch dimension, where the format can have one.")
    ] = False,
    dynamic_size: Annotated[
        bool, typer.Option("--dynamic-size", help="Images of any height and width, where the format can have them.")
    ] = False,
    sizes: Annotated[
        str | None,
        typer.Option(
            help="Sizes that the image may have beside its own, as in 224x224,384x640, where the format can have them."
        ),
    ] = None,
    check: Annotated[
        list[str] | None,
        typer.Option(
            help="A name of `ca-deploy list targets`: findings go into the manifest. Repeatable.",
            autocompletion=_completion.targets,
        ),
    ] = None,
    lowering: Annotated[
        str,
        typer.Option(
            help="How attention is written: default (measured on the runtime), reference (as in the network), a name "
            "of `ca-deploy list lowerings`, FILE.toml, or key=value,…",
            autocompletion=_completion.lowerings,
        ),
    ] = "default",
    zip: Annotated[bool, typer.Option("--zip", help="Also pack an .mlpackage (a folder) into a .zip.")] = False,
    *,
    source: "ModelSource",
    json: options.Json = False,
) -> None:
    """Export a trained network to ONNX, TFLite or Core ML, quantise it, and prove that it computes the same.

    Without MODEL: the bundled CA-MobileNetV2, trained on five flowers.
    Exit code 1: a file missed its tolerances, a rewrite was not proved, or one of several could not be made; what was
    made is written.
    """
    import ca_deploy
    from ca_deploy.render import terminal as render
    from ca_deploy.render.exports import flat, page

    failed: ExportFailed | None = None
    try:
        with progress() as display:
            exports = ca_deploy.export(
                options.of_model(source, model),
                formats=format or (),
                int8=int8,
                fp16=fp16,
                recipes=recipe or (),
                calibration=calibration,
                calibration_count=calibration_count,
                held_out=held_out,
                output=output,
                dynamic_batch=dynamic_batch,
                batch=batch,
                dynamic_size=dynamic_size,
                sizes=options.several_sizes("sizes", sizes),
                check=check or (),
                zipped=zip,
                lowering=lowering,
                step=display.step,
            )
    except ExportFailed as error:
        if not error.exports:
            raise
        failed, exports = error, list(error.exports)
    if json:
        missing = failed.failures if failed else {}
        print_json(
            [{"path": e.path, "log": e.log, "seconds": e.seconds, **flat(e.manifest)} for e in exports]
            + [{"path": None, "status": "failed", "recipe": name, "error": str(e)} for name, e in missing.items()]
        )
    else:
        render.show(page(exports))
    if failed:
        say(f"Error: {failed}")
    if failed or any(e.manifest.parity.status == "fail" or e.manifest.lowering.not_proved for e in exports):
        raise typer.Exit(1)
