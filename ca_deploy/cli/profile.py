"""``ca-deploy profile``"""

import sys
from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ca_deploy.cli import _completion
from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress, say
from ca_deploy.errors import CaDeployError, ReportNotSaved, UsageError

_HOW = "How to measure"
_WHAT = "What else to do"


@command
def profile(
    context: typer.Context,
    files: Annotated[list[Path] | None, typer.Argument(help="Exported files.", show_default=False)] = None,
    device: Annotated[
        str,
        typer.Option(
            "--device",
            "-d",
            help="A name of `ca-deploy list devices`, or `ssh://[user@]host[:port]` for any host.",
            autocompletion=_completion.devices,
        ),
    ] = "local",
    runtime: Annotated[
        str | None,
        typer.Option(
            help="A name of `ca-deploy list runtimes`; by default the file's own.",
            autocompletion=_completion.runtimes,
        ),
    ] = None,
    threads: Annotated[str, typer.Option(help="Thread count, or several: 1,2,4.", rich_help_panel=_HOW)] = "1",
    affinity: Annotated[
        str | None, typer.Option(help="Cores to run on: big, little or a mask such as 0xf0.", rich_help_panel=_HOW)
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="quick, standard (the default), publication, or sustained.", rich_help_panel=_HOW)
    ] = None,
    minutes: Annotated[
        int | None, typer.Option(help="Of --protocol sustained: minutes of load, 30 by default.", rich_help_panel=_HOW)
    ] = None,
    runs: Annotated[int | None, typer.Option(min=1, help="Runs per process start.", rich_help_panel=_HOW)] = None,
    min_seconds: Annotated[
        float | None, typer.Option(min=0, help="Least seconds per process start.", rich_help_panel=_HOW)
    ] = None,
    starts: Annotated[int | None, typer.Option(min=1, help="Process starts.", rich_help_panel=_HOW)] = None,
    seed: Annotated[int, typer.Option(help="Seeds the order in which files take turns.", rich_help_panel=_HOW)] = 0,
    runner: Annotated[
        str, typer.Option(help="c, python (the runtime that pip installed there), or auto.", rich_help_panel=_HOW)
    ] = "auto",
    benchmark_binary: Annotated[
        Path | None,
        typer.Option(help="Use this benchmark_model or onnxruntime_perf_test instead.", rich_help_panel=_HOW),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Take the runtimes' libraries from this file.", rich_help_panel=_HOW)
    ] = None,
    ops: Annotated[
        bool,
        typer.Option(
            "--ops",
            help="Time per operator and module; on an emulated device, exact instructions.",
            rich_help_panel=_WHAT,
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Compare the device's outputs with this machine's.", rich_help_panel=_WHAT),
    ] = False,
    inputs: Annotated[
        Path | None,
        typer.Option(help="Feed the samples in this .npz, instead of made-up values.", rich_help_panel=_HOW),
    ] = None,
    input_shape: Annotated[
        list[str] | None,
        typer.Option(
            help="The shape of an input that a file leaves open: 1x3x224x224, NAME=1x3x224x224, or "
            "SIGNATURE/NAME=1x3x224x224. Repeatable.",
            rich_help_panel=_HOW,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Folder for report, plot and raw outputs.", rich_help_panel=_WHAT),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the files on the device.", rich_help_panel=_WHAT)] = False,
    compare: Annotated[
        tuple[Path, Path] | None,
        typer.Option(help="Instead of measuring: two reports, before and after.", show_default=False),
    ] = None,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="With --compare: print Markdown, for a pull request.")
    ] = False,
    threshold: Annotated[float, typer.Option(min=0, help="Percent slower that --compare accepts.")] = 5.0,
    json: options.Json = False,
) -> None:
    """Latency of FILES on a device; several files are interleaved, and ranked from best to worst.

    An emulated device counts instructions and reports no milliseconds. Exit code 1: --verify or --compare failed.
    """
    if compare is not None:
        if files:
            raise UsageError("--compare takes two reports and measures nothing: leave the model files out.")
        if json and markdown:
            raise UsageError("--json and --markdown contradict each other. Leave one of them out.")
        if ignored := _typed(context, but=("compare", "threshold", "json", "markdown")):
            raise UsageError(f"--compare measures nothing: leave out {', '.join(ignored)}.")
        _compare(*compare, threshold, json, markdown)
        return
    if markdown:
        raise UsageError("--markdown prints a comparison: name two reports with --compare.")
    import ca_deploy
    from ca_deploy.render import terminal as render
    from ca_deploy.render.latency import page

    unsaved: ReportNotSaved | None = None
    with progress() as display:
        try:
            report = ca_deploy.profile(
                files or (),
                device,
                runtime=runtime,
                threads=threads,
                affinity=affinity,
                protocol=protocol,
                minutes=minutes,
                runs=runs,
                min_seconds=min_seconds,
                starts=starts,
                seed=seed,
                runner=runner,
                benchmark_binary=benchmark_binary,
                bundle=bundle,
                operators=ops,
                verify=verify,
                inputs=inputs,
                input_shape=input_shape or (),
                output=output,
                keep=keep,
                step=partial(display.step, ""),
            )
        except ReportNotSaved as error:
            report, unsaved = error.report, error
    if json:
        print_json(report)
    else:
        render.show(page(report))
    if unsaved is not None:
        raise unsaved
    if report.failures:
        if output:
            say(f"What was measured before is kept in {output}.")
        raise CaDeployError(*" ".join(report.failures.values()).split("\n"))
    if any(found.verification and found.verification.status != "pass" for found in report.measurements):
        raise typer.Exit(1)


def _typed(context: typer.Context, but: Collection[str]) -> list[str]:
    """The options on the command line except these."""
    sources = {one: context.get_parameter_source(one.name or "") for one in context.command.params}
    return [
        one.opts[0]
        for one, source in sources.items()
        if one.name not in but and source is not None and source.name == "COMMANDLINE"
    ]


def _compare(before: Path, after: Path, threshold: float, json: bool, markdown: bool) -> None:
    from ca_deploy.latency.regression import compare_reports
    from ca_deploy.records.latency import read_report
    from ca_deploy.render import markdown as text
    from ca_deploy.render import terminal as render
    from ca_deploy.render.regression import page

    found = compare_reports(read_report(before), read_report(after), threshold)
    if json:
        print_json(found)
    elif markdown:
        sys.stdout.write(text.page(page(found)))
    else:
        render.show(page(found))
    if not found.passed:
        raise typer.Exit(1)
