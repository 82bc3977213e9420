"""``ca-deploy report``"""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from ca_deploy.api.report import WITHIN
from ca_deploy.cli import _options as options
from ca_deploy.cli._command import command, print_json, progress, say
from ca_deploy.errors import UsageError


@command
def report(
    folders: Annotated[
        list[Path],
        typer.Argument(help="What export, evaluate, check, profile and sweep wrote to.", show_default=False),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The page to write: .html or .md.", show_default=False)
    ] = None,
    within: Annotated[
        float, typer.Option(help="Percentage points of accuracy that may be given up for a lower cost.")
    ] = WITHIN,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the page as Markdown, for a pull request.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Which file do I ship? One page with the answer, the reasons, and everything that was measured.

    Without --output and --markdown, report.html is written. Exit code 1: a file there is damaged or foreign, and left
    out.
    """
    if json and markdown:
        raise UsageError("--json and --markdown contradict each other. Leave one of them out.")
    import ca_deploy
    from ca_deploy.render import terminal as render
    from ca_deploy.render.report.document import document
    from ca_deploy.render.report.summary import page

    place = output if output is not None or markdown else Path("report.html")
    with progress() as display:
        found = ca_deploy.report(folders, output=place, within=within, step=partial(display.step, ""))
    if json:
        print_json({"choices": found.choices, "problems": found.collection.problems})
    elif markdown:
        sys.stdout.write(document(found, ".md"))
    else:
        render.show(page(found, place))
    if (markdown or json) and found.collection.problems:
        for problem in found.collection.problems.values():
            say(f"left out: {problem}")
    if found.collection.problems:
        raise typer.Exit(1)
