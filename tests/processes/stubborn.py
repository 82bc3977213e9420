"""A process in native code that holds Python's lock, with another one of its own; and what starts it in every way.

python -m tests.processes.stubborn child | command | itself | leaves   (PLACE: a file for the ids of its processes)
"""

import os
import re
import subprocess
import sys
from pathlib import Path

from ca_deploy.delivery.scratch import temporary
from ca_deploy.processes import child, commands


def main() -> None:
    how = sys.argv[1]
    if how == "child":
        with temporary() as scratch, child.Child("tests.processes.stubborn", ["itself"], scratch) as started:
            list(started.events())
    elif how == "command":
        commands.run([sys.executable, "-m", "tests.processes.stubborn", "itself"], 600)
    else:
        own = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        written = Path(os.environ["PLACE"])
        written.with_suffix(".new").write_text(f"{os.getpid()} {own.pid}")
        written.with_suffix(".new").rename(written)
        if how == "itself":
            re.match("(a+)+$", "a" * 64 + "b")  # until the end of time


if __name__ == "__main__":
    main()
