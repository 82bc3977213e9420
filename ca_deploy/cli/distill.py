"""``ca-deploy distill``"""

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
@options.model_options(only=(*options.NETWORK, *options.PREPROCESSING))
def distill(
    output: Annotated[Path, typer.Option("--output", "-o", help="New folder for the images.", show_default=False)],
    model: Annotated[
        str | None,
        typer.Argument(help="A model as for export.", show_default=False, autocompletion=_completion.models),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="Number of images; half of them are held out for parity.")] = 256,
    seed: Annotated[int, typer.Option(help="The same seed gives the same images.")] = 0,
    *,
    source: "ModelSource",
    json: options.Json = False,
) -> None:
    """Make calibration images from the weights alone, for a trained network without photos.

    Use them with `ca-deploy export --int8 --calibration OUTPUT`.
    """
    import ca_deploy
    from ca_deploy.api import preflight
    from ca_deploy.delivery import deliver, staging
    from ca_deploy.render import terminal as render
    from ca_deploy.render.distill import page

    source = options.of_model(source, model)
    preflight.check_source(source)
    preflight.check_output(output)
    from ca_deploy.data.distillation import save_images  # imports PyTorch

    network = ca_deploy.load(source)
    with staging(output) as scratch:
        with progress() as display:
            images = ca_deploy.distill(network, count, seed, progress=partial(display.count, "steps"))
        paths = save_images(images, scratch / "images")
        deliver(scratch, paths)
    size = sum((output / path.name).stat().st_size for path in paths)
    if json:
        print_json({"folder": output, "images": count, "size_bytes": size, "seed": seed})
    else:
        render.show(page(count, size, output))
