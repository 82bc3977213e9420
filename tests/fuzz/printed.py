"""What a user sees of a report."""

import contextlib
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ca_deploy.render.blocks import Page


def printed(page: "Page") -> str:
    """The text of a page, as the terminal shows it."""
    from ca_deploy.render import terminal

    with contextlib.redirect_stdout(io.StringIO()) as seen:
        terminal.show(page)
    return seen.getvalue()
