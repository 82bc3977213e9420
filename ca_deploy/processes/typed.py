"""The command that runs."""

import sys
from pathlib import Path


def typed_command() -> tuple[str, ...]:
    """As the user typed it: ``ca-deploy`` without the folder where it is installed, or the script that called us."""
    program, *words = sys.argv or [""]
    place = Path(program)
    is_ours = place.stem == "ca-deploy" or place.parts[-2:] == ("ca_deploy", "__main__.py")
    return ("ca-deploy" if is_ours else program, *words)
