"""Debian packages, fetched and unpacked into a folder: nothing is installed, and root is not needed.

apt runs with a private configuration on the mirror of the system's own sources, so that suites and architectures other
than the system's are available.
"""

import logging
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import TimeoutExpired

from ca_deploy.cache import cache_folder
from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import DeviceError, last_line
from ca_deploy.processes.commands import run

_log = logging.getLogger(__name__)
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCES = Path("/etc/apt")
_TIMEOUT_S = 300


def missing() -> str | None:
    """Why Debian packages cannot be fetched here; None when they can."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            return f"this system has no {tool} (it is not Debian)"
    if not _KEYRING.exists():
        return "the package debian-archive-keyring is not installed"
    return None if _mirror() else "no Debian mirror is named in /etc/apt"


def _mirror() -> str | None:
    """The first mirror of Debian itself; the security archive holds only part of it."""
    files = [_SOURCES / "sources.list", *sorted((_SOURCES / "sources.list.d").glob("*"))]
    for file in files:
        for line in file.read_text(errors="replace").splitlines() if file.is_file() else ():
            found = re.match(r"\s*(?:deb\s+(?:\[[^]]*]\s+)?|URIs:\s*)(\S+/debian/?)(?:\s|$)", line)
            if found:
                return found[1]
    return None


def fetch(packages: Sequence[str], suite: str, architecture: str, into: Path, dependencies: bool = False) -> list[str]:
    """Unpack packages into ``into``, with all dependencies if asked; returns their file names, which hold versions.

    Raises:
        DeviceError: this system cannot fetch them, or the mirror does not answer.
    """
    if reason := missing():
        raise DeviceError(f"Debian packages ({', '.join(packages)}) cannot be fetched: {reason}.")
    _log.info("Fetching %s from Debian into the cache %s", ", ".join(packages), cache_folder())
    with temporary() as folder:
        private = _Apt(folder, suite, architecture)
        private.get("update")
        if dependencies:
            private.get("-y", "--no-install-recommends", "--download-only", "install", *packages)
        else:
            private.get("download", *packages)
        found = sorted({*private.archives.glob("*.deb"), *folder.glob("*.deb")})
        into.mkdir(parents=True, exist_ok=True)
        for package in found:
            _carry_out(["dpkg", "-x", str(package), str(into)])
    return [package.name for package in found]


class _Apt:
    def __init__(self, folder: Path, suite: str, architecture: str) -> None:
        self.archives = folder / "archives"
        for name in ("lists/partial", "archives/partial", "etc/apt.conf.d", "etc/preferences.d"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(f"deb [signed-by={_KEYRING}] {_mirror()} {suite} main\n")
        settings = {
            "APT::Architecture": architecture,
            "Dir::State": folder,
            "Dir::State::lists": folder / "lists",
            "Dir::State::status": folder / "status",
            "Dir::Cache": folder,
            "Dir::Etc": folder / "etc",
            "Dir::Etc::sourcelist": folder / "sources.list",
            "Dir::Etc::sourceparts": "-",
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
        }
        lines = [f'{key} "{value}";' for key, value in settings.items()] + [
            f'APT::Architectures {{"{architecture}";}};'
        ]
        if os.getuid() == 0:  # apt's own user could not read a private folder
            lines.append('APT::Sandbox::User "root";')
        self._folder, self._config = folder, folder / "apt.conf"
        self._config.write_text("\n".join(lines))

    def get(self, *arguments: str) -> None:
        environment = {"APT_CONFIG": str(self._config), "LC_ALL": "C"}
        _carry_out(["apt-get", "-qq", *arguments], self._folder, environment, " Does the network work?")


def _carry_out(
    command: list[str], folder: Path | None = None, environment: Mapping[str, str] | None = None, advice: str = ""
) -> None:
    try:
        done = run(command, _TIMEOUT_S, folder, environment)
    except TimeoutExpired as error:
        raise DeviceError(f"`{' '.join(command)}` did not end within {_TIMEOUT_S} s.{advice}") from error
    if done.returncode:
        said = [last_line(stream.decode(errors="replace")) for stream in (done.stderr, done.stdout)]
        reason = next(filter(None, said), "no message")
        raise DeviceError(f"`{' '.join(command)}` failed: {reason}.{advice}")
