"""``ca-deploy`` and ``python -m ca_deploy``, which answers Ctrl-C in words from its first moment on."""

import os
import signal
from types import FrameType


def main() -> None:
    """The console script."""
    if signal.getsignal(signal.SIGINT) != signal.SIG_IGN:
        signal.signal(signal.SIGINT, _end)
    from ca_deploy import cli

    cli.main()


def _end(signum: int, frame: FrameType | None) -> None:
    """While libraries are imported, where an exception could be swallowed; nothing was begun yet."""
    os.write(2, b"\nInterrupted: nothing was left half-written.\n")
    os._exit(130)


if __name__ == "__main__":
    main()
