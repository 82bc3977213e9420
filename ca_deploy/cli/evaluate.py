"""``ca-deploy evaluate``"""

from pathlib import Path
from typing import Annotated

import typer

from ca_deploy.cli import _options as options
from ca_deploy.cli._command import CountLine, command, print_json


@command
def evaluate(
    model: Annotated[str, typer.Argument(help="An exported file, or a model as for export.", show_default=False)],
    data: Annotated[Path, typer.Option(help="ImageFolder tree: DATA/<class>/<photo>.", show_default=False)],
    against: Annotated[str | None, typer.Option(help="A second file or model, for the paired difference.")] = None,
    runtime: options.Runtime = None,
    threads: options.Threads = 1,
    weights: options.Weights = None,
    input_size: options.InputSize = None,
    num_classes: options.NumClasses = None,
    width: options.Width = None,
    random_weights: options.RandomWeights = False,
    mean: options.Mean = None,
    std: options.Std = None,
    resize: options.Resize = None,
    crop: options.Crop = None,
    labels: options.Labels = None,
    json: options.Json = False,
) -> None:
    """Top-1 and top-5 accuracy on labelled photos; with --against, whether a difference is real (McNemar)."""
    import ca_deploy
    from ca_deploy.render import terminal as render
    from ca_deploy.render.accuracy import page

    source = options.model_source(
        None, weights, input_size, num_classes, width, random_weights, mean, std, resize, crop, labels
    )
    report = ca_deploy.evaluate(
        model,
        data,
        against=against,
        runtime=runtime,
        threads=threads,
        source=source,
        progress=CountLine("photos"),
    )
    if json:
        print_json(report)
    else:
        render.show(page(report))
