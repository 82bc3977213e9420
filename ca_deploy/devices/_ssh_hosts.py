"""The hosts that the user's ssh configuration names."""

import re
import shlex
from pathlib import Path

from ca_deploy.processes.commands import run

_PATIENCE_S = 30.0
# "Host name", "Host=name", with any case and spaces, in quotes or not
_HOST = re.compile(r'\s*"?host"?\s*(?:=|\s)\s*(.*)', re.IGNORECASE)
_ANY = "ca-deploy-asks"


def configured_hosts() -> dict[str, Path]:
    """Every host without a pattern in it -> the file that names it.

    ssh itself says which files it reads, ``Include`` and ``Match`` considered; nobody is contacted.
    """
    said = run(["ssh", "-v", "-G", _ANY], _PATIENCE_S).stderr.decode(errors="replace")
    found: dict[str, Path] = {}
    for name in re.findall(r"Reading configuration data (.+?)\r?$", said, re.MULTILINE):
        try:
            lines = Path(name).read_text(errors="replace").splitlines()
        except OSError:
            continue
        for line in lines:
            if match := _HOST.fullmatch(line):
                for host in _words(match[1]):
                    if host and not set(host) & set("*?!"):
                        found.setdefault(host, Path(name))
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError:  # an open quote, which ssh refuses too
        return []
