"""A process that replaces one set of files with another, as an export does; light, so that it can be killed many times.

``python -m tests.delivery.child deliver FOLDER VERSION`` or ``settle FOLDER``; ``wait FOLDER`` keeps a scratch folder
until its standard input ends.
"""

import signal
import sys
from pathlib import Path

from ca_deploy.delivery import deliver, settle, staging, zip_folder
from ca_deploy.delivery.interrupts import ASK_TO_END

FILES = ("a.json", "a.onnx", "a.mlpackage.zip")
PACKAGE = "a.mlpackage"
INSIDE = ("Manifest.json", "Data/weights.bin")


def content(name: str, version: str) -> bytes:
    return f"{name} of the {version} set\n".encode() * 2000


def make(folder: Path, version: str) -> list[Path]:
    """The set's files and its package, in a folder."""
    package = folder / PACKAGE
    for name in INSIDE:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(content(name, version))
    for name in FILES[:2]:
        (folder / name).write_bytes(content(name, version))
    zip_folder(package, folder / FILES[2])
    return [package, *(folder / name for name in FILES)]


def main(verb: str, folder: Path, version: str = "") -> None:
    if verb == "settle":
        settle(folder)
        return
    with staging(folder) as scratch:
        if verb == "wait":
            print("ready", flush=True)
            sys.stdin.read()
        deliver(scratch, make(scratch, version or "new"))


if __name__ == "__main__":
    for asked_to_end in ASK_TO_END:
        signal.signal(asked_to_end, signal.default_int_handler)
    try:
        main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
    except KeyboardInterrupt:
        sys.exit(130)
