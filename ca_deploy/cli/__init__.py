"""The command line: one module per command, which parses, calls one function, and renders.

Exit codes: 0 success; 1 a check failed (parity missed its tolerances), or one of several files could not be made;
2 unusable input; 130 interrupted.
"""

import logging
import os
import signal
import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from ca_deploy.cli._command import INTERRUPTED, STOPPED, FetchLines, finish, message_of, say
from ca_deploy.cli._examples import EXAMPLES, examples
from ca_deploy.cli.attention import attention
from ca_deploy.cli.check import check
from ca_deploy.cli.distill import distill
from ca_deploy.cli.doctor import doctor
from ca_deploy.cli.evaluate import evaluate
from ca_deploy.cli.export import export
from ca_deploy.cli.list import app as list_app
from ca_deploy.cli.lower import lower
from ca_deploy.cli.parity import parity
from ca_deploy.cli.predict import predict
from ca_deploy.cli.profile import profile
from ca_deploy.cli.report import report
from ca_deploy.cli.schema import schema
from ca_deploy.cli.sweep import sweep
from ca_deploy.delivery.interrupts import ASK_TO_END, interrupt
from ca_deploy.processes.python_path import search_path

app = typer.Typer(
    name="ca-deploy",
    help="Take a trained Coordinate-Attention network from PyTorch to a phone, with proof that it still works.",
    epilog=examples("ca-deploy export --format tflite --int8 --output demo", "ca-deploy export -h"),
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        sys.stdout.write(f"ca-deploy {metadata.version('ca-deploy')}\n")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option("--version", "-V", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    """Options before the name of the command."""


for _command in (
    export,
    lower,
    check,
    parity,
    evaluate,
    predict,
    attention,
    distill,
    profile,
    sweep,
    report,
    doctor,
    schema,
):
    app.command(epilog=examples(*EXAMPLES[_command.__name__]))(_command)
app.add_typer(list_app, name="list", epilog=examples(*EXAMPLES["list"]))


def main() -> None:
    """The console script."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # it was closed
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process
    sys.path[:] = search_path()
    warnings.filterwarnings(
        "ignore", category=FutureWarning, module="copyreg"
    )  # PyTorch's own, on each copy of a graph
    log = logging.getLogger("ca_deploy")  # reports what is fetched and where to, and photos without labels
    log.setLevel(logging.INFO)
    log.addHandler(FetchLines())
    # PyTorch's threads would otherwise wait actively, and slow down the converters that run in parallel.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    for asked_to_end in ASK_TO_END:
        if asked_to_end.name != "SIGHUP" or signal.getsignal(asked_to_end) != signal.SIG_IGN:  # nohup ignores it
            signal.signal(asked_to_end, interrupt)
    code: int | str | None = 0
    try:
        app()
    except SystemExit as asked:
        code = asked.code
    except KeyboardInterrupt:  # before the command began
        say(f"\n{STOPPED}")
        code = INTERRUPTED
    except Exception as error:
        if (message := message_of(error)) is None:
            raise
        say(f"Error: {message}")
        code = 2
    finish(code if isinstance(code, int) else 0)
