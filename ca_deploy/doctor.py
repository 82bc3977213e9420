"""What measuring on devices needs on this machine, what is missing, and how to install it."""

import importlib.util

from ca_deploy.cache import cache_folder
from ca_deploy.devices import find_kind, kind_names
from ca_deploy.errors import DeviceError
from ca_deploy.files import sha256_of
from ca_deploy.native import libraries
from ca_deploy.native.bundle import runner_binary, support_files
from ca_deploy.records.devices import Check


def examine() -> list[Check]:
    """Check every requirement; nothing is fetched, started or changed, except that adb starts its server."""
    return [
        *(_runner(architecture) for architecture in ("aarch64", "x86_64")),
        _support(),
        *(_library(runtime) for runtime in libraries.LIBRARIES),
        *(check for kind in kind_names() for check in find_kind(kind).requirements()),
    ]


def _runner(architecture: str) -> Check:
    name = f"runner for {architecture}"
    try:
        return Check(name, "ok", f"shipped, sha256 {sha256_of(runner_binary(architecture))[:16]}…")
    except DeviceError as error:
        return Check(name, "missing", "shipped with ca-deploy", str(error))


def _support() -> Check:
    try:
        return Check("loader for aarch64", "ok", f"shipped, {len(support_files())} files verified")
    except DeviceError as error:
        return Check("loader for aarch64", "missing", "shipped with ca-deploy", str(error))


def _library(runtime: str) -> Check:
    library = libraries.LIBRARIES[runtime]
    detail = f"{library.package} {library.version} for aarch64"
    if libraries.is_cached(runtime):
        return Check(f"{runtime} library", "ok", f"{detail}, in {cache_folder()}")
    if importlib.util.find_spec("pip") is None:
        remedy = "Install pip here (python -m ensurepip), or bring a bundle from another machine: --bundle FILE"
        return Check(f"{runtime} library", "missing", detail, remedy)
    return Check(f"{runtime} library", "later", f"{detail}, fetched by pip on first use")
