"""The versions that a result depends on: of ca-deploy, of the libraries, and of Python."""

import platform
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from ca_deploy.files import sha256_of, sha256_of_bytes

# What converts, runs, reads or resizes; a wheel has the same versions wherever it is installed.
_PACKAGES = (
    "ai-edge-litert",
    "ai-edge-quantizer",
    "coremltools",
    "litert-torch",
    "numpy",
    "onnx",
    "onnxruntime",
    "onnxscript",
    "pillow",
    "pycocotools",
    "scikit-image",
    "torch",
)
_NOT_CODE = {"__pycache__", "_data"}  # compiled modules; recipes and calibration sets, which a checkout has elsewhere
_OF_DASK = ("dask", "distributed")


@cache
def tools() -> dict[str, str]:
    """Version by name; ``-`` where it is not installed. ca-deploy's own has a hash of its code, which may be edited."""
    package = Path(__file__).parents[1]
    files = {path.relative_to(package): path for path in package.rglob("*") if path.is_file()}
    code = sorted((inner, path) for inner, path in files.items() if not _NOT_CODE & set(inner.parts))
    listing = "".join(f"{sha256_of(path)}  {inner.as_posix()}\n" for inner, path in code)
    own = f"{metadata.version('ca-deploy')} ({sha256_of_bytes(listing.encode())[:12]})"
    python = f"{platform.python_implementation()} {'.'.join(platform.python_version_tuple()[:2])}"
    return {"ca-deploy": own, "python": python, **{name: _version(name) for name in _PACKAGES}}


def everything() -> dict[str, str]:
    """What client and workers have to have in common: the tools, and Dask."""
    return {**tools(), **{name: _version(name) for name in _OF_DASK}}


def differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """``torch 2.12.0 instead of 2.13.0``, of all that differ; "" where nothing does."""
    names = [name for name in ours if theirs.get(name) != ours[name]]
    return ", ".join(f"{name} {theirs.get(name, '-')} instead of {ours[name]}" for name in names)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "-"
