"""The command that runs."""

import sys
from pathlib import Path


def typed_command() -> tuple[str, ...]:
    """As the user typed it: ``ca-deploy`` without the folder where it is installed, or the script that called us."""
    program, *words = sys.argv or [""]
    return ("ca-deploy" if Path(program).stem in ("ca-deploy", "__main__") else program, *words)
