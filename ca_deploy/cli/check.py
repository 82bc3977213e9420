"""``ca-deploy check``"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ca_deploy.cli import _completion
from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress
from ca_deploy.errors import UsageError

if TYPE_CHECKING:
    from ca_deploy.progress import NamedStep
    from ca_deploy.records.compat import CompatReport
    from ca_deploy.records.model import ModelSource

_BEFORE = "Before an export"


@command
@options.model_options(only=(*options.NETWORK, *options.HEAD, "channels"))
def check(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A model file from any tool; `ca-deploy list targets` names the suffixes.", show_default=False
        ),
    ] = None,
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            "-t",
            help="A name of `ca-deploy list targets`, with a level as in nnapi:29. Repeatable.",
            autocompletion=_completion.targets,
        ),
    ] = None,
    fail_on: Annotated[
        str, typer.Option(help="The mildest verdict for exit code 1: unsupported, falls-back, float, unknown.")
    ] = "float",
    strict: Annotated[bool, typer.Option("--strict", help="Short for --fail-on unknown.")] = False,
    all_nodes: Annotated[
        bool, typer.Option("--all", help="List accelerated nodes too, and all kinds of findings.")
    ] = False,
    graph: Annotated[Path | None, typer.Option(help="Draw the partitions of one target to this .svg or .png.")] = None,
    before: Annotated[
        str | None,
        typer.Option(
            help="Instead of FILE, a model as for export.",
            rich_help_panel=_BEFORE,
            autocompletion=_completion.models,
        ),
    ] = None,
    int8: Annotated[bool, typer.Option("--int8", help="With --before: as INT8.", rich_help_panel=_BEFORE)] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="With --before: as float16.", rich_help_panel=_BEFORE)] = False,
    *,
    source: "ModelSource",
    json: options.Json = False,
) -> None:
    """Which operators of FILE run where you think, why the others do not, and what to write instead.

    Without --target: a line for each target that checks such a file, the CPU first, and the details of the first one
    with findings. Exit code 1: there are findings, on any of the targets.
    """
    import ca_deploy
    from ca_deploy.compat.picture import check_picture
    from ca_deploy.records.compat import verdict_named
    from ca_deploy.render import terminal as render
    from ca_deploy.render.compat import page

    worst = verdict_named("unknown" if strict else fail_on)
    if graph is not None and (file is None or len(target or ()) != 1):
        raise UsageError("--graph draws a FILE on one target: name it with --target.")
    if graph is not None:
        check_picture(graph)
    with progress(in_turn=True) as display:
        reports = ca_deploy.check(
            file,
            target or (),
            before=options.of_model(source, before) if before is not None else None,
            int8=int8,
            fp16=fp16,
            step=display.step,
        )
        if graph is not None and file is not None:
            _draw(file, reports[0], graph, display.step)
    if json:
        print_json([report.record(all_nodes) for report in reports])
    else:
        render.show(page(reports, all_nodes, asked=bool(target)))
    if target and any(report.skipped for report in reports):
        raise typer.Exit(2)
    if any(report.refused or report.at_least(worst) for report in reports):
        raise typer.Exit(1)


def _draw(file: Path, report: "CompatReport", place: Path, step: "NamedStep") -> None:
    from ca_deploy.compat.picture import picture
    from ca_deploy.delivery import write_atomically
    from ca_deploy.graphs import read

    if not report.skipped:
        write_atomically(place, picture(read(file), report, place.suffix))
        step(report.target, f"the partitions are drawn in {place}")
