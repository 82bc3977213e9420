"""What native libraries print on standard error in this process: notices are left out, errors are passed on.

They quote names in model files, so their lines are indented, and none can pretend to be a line of ours.
"""

import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from ca_deploy.errors import visible

# TFLite's, abseil's and oneDNN's notices; warnings and errors begin otherwise.
_NOTICE = re.compile(r"INFO: |I\d{4} |\d{4}-\d\d-\d\d .*: I |WARNING: All log messages before absl::InitializeLog")


@contextmanager
def without_notices() -> Iterator[TextIO]:
    """Inside, file descriptor 2 is read line by line; yields the stream to write to instead, which ``sys.stderr`` is.

    Where ``sys.stderr`` has been replaced already, as in tests, nothing is changed.
    """
    try:
        real = sys.stderr.fileno() == 2
    except (AttributeError, OSError, ValueError):
        real = False
    if not real:
        yield sys.stderr
        return
    before = sys.stderr
    before.flush()
    kept = os.dup(2)
    reading, writing = os.pipe()
    os.set_inheritable(kept, False)
    stream = os.fdopen(kept, "w", encoding=before.encoding, errors="backslashreplace", buffering=1)
    sys.stderr = stream
    os.dup2(writing, 2)
    os.close(writing)
    reader = threading.Thread(target=_pass_on, args=(reading,), daemon=True)
    reader.start()
    try:
        yield stream
    finally:
        os.dup2(kept, 2)  # closes the pipe's end here; processes that inherited it may still write
        reader.join(timeout=1)
        sys.stderr = before
        with suppress(OSError):  # what could not be written is still in its buffer
            stream.close()


def _pass_on(reading: int) -> None:
    with open(reading, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if not _NOTICE.match(line):
                try:
                    sys.stderr.write(f"  {visible(line.rstrip())}\n")
                except (OSError, ValueError):  # nobody is left to read it
                    return
