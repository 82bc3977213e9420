"""Finds a script's answer in what arrives: login shells, messages of the day and linkers print too."""

import re
import secrets
from dataclasses import dataclass

from ca_deploy.errors import shown


@dataclass(frozen=True, slots=True)
class Heard:
    """What arrived without a whole answer in it. ``begun``: the script itself was running.

    ``code`` is the exit code of the program here that holds the link (ssh, adb), None if it had to be ended.
    """

    begun: bool
    stdout: bytes
    stderr: bytes
    code: int | None

    @property
    def printed(self) -> str:
        """What was printed instead of an answer, for a message."""
        return shown((self.stdout + b"\n" + self.stderr).decode(errors="replace"))


class Marks:
    """Two lines around an answer. They contain a number that is made up for each script and nowhere in its text, so
    that neither an echo of the script nor anything else that a device prints is taken for them."""

    def __init__(self) -> None:
        self._nonce = secrets.token_hex(8)

    def around(self, script: str) -> str:
        """A script that prints ``script``'s output between the marks; what programs there complain about is dropped.

        adb merges both outputs of a script, and a linker that warns would warn between the lines of the answer.
        """
        return f"m={self._nonce}\n{self.begin}\n{script}\n{self.end}\n"

    @property
    def begin(self) -> str:
        """A command that prints the first mark."""
        return 'echo "ca-deploy-begin-$m"; exec 2> /dev/null'

    @property
    def end(self) -> str:
        return 'echo "ca-deploy-end-$m"'

    def after_begin(self, output: bytes) -> bytes | None:
        """What follows the first mark; None where it has not come."""
        found = re.search(rb"ca-deploy-begin-%s\r?\n" % self._nonce.encode(), output)
        return None if found is None else output[found.end() :]

    def only_echoed(self, output: bytes) -> bool:
        """Whether the script came back as text, and has not begun."""
        return b"m=%s" % self._nonce.encode() in output and self.after_begin(output) is None

    def answer(self, output: bytes) -> bytes | None:
        """What is between the marks; None where one of them has not come."""
        rest = self.after_begin(output)
        place = -1 if rest is None else rest.rfind(b"ca-deploy-end-%s" % self._nonce.encode())
        return None if rest is None or place < 0 else rest[:place]
