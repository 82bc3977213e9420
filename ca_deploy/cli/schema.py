"""``ca-deploy schema``"""

from typing import Annotated

import typer

from ca_deploy.cli._command import command, print_json
from ca_deploy.errors import unknown_name


@command
def schema(
    kind: Annotated[
        str,
        typer.Argument(help="manifest, recipe, latency, compat, accuracy, sweep or sweep_record.", show_default=False),
    ],
) -> None:
    """The JSON schema of a manifest, of the TOML of a recipe or sweep, or of what other commands print with --json."""
    from ca_deploy.recipes import recipe_schema
    from ca_deploy.records.schemas import report_schemas

    known = {**report_schemas(), "recipe": recipe_schema()}
    if kind not in known:
        raise unknown_name("schema", kind, known)
    print_json(known[kind])
