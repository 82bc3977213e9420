"""``ca-deploy check``"""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json


@command
def check(
    file: Annotated[Path, typer.Argument(help="A .tflite, .onnx or .mlpackage, whoever made it.", show_default=False)],
    target: Annotated[
        list[str] | None,
        typer.Option(help="A name of `ca-deploy list targets`, with a level as in nnapi:29; may be repeated."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit code 1 also for nodes that nothing is known of.")
    ] = False,
    fail_on: Annotated[
        str, typer.Option(help="The mildest verdict for exit code 1: unsupported, falls-back, float, unknown.")
    ] = "float",
    all_nodes: Annotated[bool, typer.Option("--all", help="List accelerated nodes too.")] = False,
    json: options.Json = False,
) -> None:
    """Which operators of FILE run where you think, why the others do not, and what to write instead.

    Without --target: every target that takes such a file. Exit code 1: there are findings.
    """
    from ca_deploy import render_compat
    from ca_deploy.compat import check as check_file
    from ca_deploy.compat_report import verdict_named

    worst = "unknown" if strict else verdict_named(fail_on)
    reports = check_file(file, target or ())
    if json:
        print_json([{"file": report.file, **asdict(report.record(all_nodes))} for report in reports])
    else:
        render_compat.reports(reports, all_nodes)
    if any(report.at_least(worst) for report in reports):
        raise typer.Exit(1)
