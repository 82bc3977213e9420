"""Runtimes: file -> Session. One module here is one runtime; its ``RUNTIME`` describes it.

A runtime is named ``litert``, or with a variant of its kernels ``litert:reference``.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ca_deploy.errors import ArtifactError, RuntimeUnavailable, unknown_name
from ca_deploy.graphs import check_place
from ca_deploy.plugins import load, member, names_in, not_installed
from ca_deploy.records.tensors import TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Session(Protocol):
    """An opened model. ``run`` takes and gives arrays as the file stores them (integers stay integers).

    ``runtime`` says what computes, for reports: ``"LiteRT 2.3.0, XNNPACK"``. ``settings`` are options beyond the
    runtime's defaults that the file needs to give the same answers on every processor.
    """

    @property
    def runtime(self) -> str: ...
    @property
    def settings(self) -> Mapping[str, str]: ...
    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...
    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...
    def run(self, feeds: Mapping[str, "NDArray[Any]"]) -> dict[str, "NDArray[Any]"]: ...


# Kernels for the same float arithmetic add in another order on another processor: about 1e-6 relative.
FLOAT_AGREEMENT_DB = 80.0


@dataclass(frozen=True, slots=True)
class OnDevice:
    """What ``profile`` needs to know about a runtime that its runners are built for.

    ``benchmark`` is the runtime's own benchmark program. ``agreement``, a ``module:function(path) -> float | None``,
    gives the SQNR in dB that a file's outputs on two processors reach at least; None: they are equal bit for bit.
    """

    benchmark: str
    agreement: str

    def agreement_db(self, path: Path) -> float | None:
        found: float | None = load(self.agreement)(path)
        return found


@dataclass(frozen=True, slots=True)
class Runtime:
    """One inference runtime. ``opener`` is ``module:function(path, threads, variant) -> Session``.

    ``platform`` is the ``sys.platform`` that it needs. ``reference``: it shows what a file computes, not how fast.
    ``default_variant`` leaves out the :attr:`Session.settings`; ``default_differs``, a ``module:function() -> bool``,
    says whether that makes a difference to answers on this machine. ``on_device`` is None where no runner knows it.
    """

    name: str
    suffixes: tuple[str, ...]
    package: str
    opener: str
    variants: tuple[str, ...] = ()
    install: str = "pip install ca-deploy"
    platform: str | None = None
    reference: bool = False
    default_variant: str = ""
    default_differs: str = ""
    on_device: OnDevice | None = None

    def missing(self) -> str:
        """Why it cannot run here, or an empty text."""
        if self.platform not in (None, sys.platform):
            return f"Runtime {self.name} runs on {'macOS' if self.platform == 'darwin' else self.platform} only."
        if not_installed([self.package]):
            return f"Runtime {self.name} is not installed here. Install it: {self.install}"
        return ""

    def open(self, path: Path, threads: int, variant: str) -> Session:
        """Open a file.

        Raises:
            RuntimeUnavailable: the runtime is not installed, needs another system, or opens no files of this kind.
            ArtifactError: the file is missing or damaged.
        """
        if path.suffix not in self.suffixes:
            raise RuntimeUnavailable(f"Runtime {self.name} opens {', '.join(self.suffixes)} files, not {path.name}.")
        if missing := self.missing():
            raise RuntimeUnavailable(missing)
        check_place(path)
        session: Session = load(self.opener)(path, threads, variant)
        return session


def runtime_names() -> list[str]:
    return names_in(__path__)


def find_runtime(name: str) -> tuple[Runtime, str]:
    """The runtime and the variant that ``name`` or ``name:variant`` asks for.

    Raises:
        UsageError: no such runtime or variant; names the closest.
    """
    base, _, variant = name.partition(":")
    runtime: Runtime = member(__name__, "RUNTIME", "runtime", base, "ca-deploy list runtimes")
    if variant and variant not in runtime.variants:
        raise unknown_name(f"variant of runtime {base}", variant, runtime.variants or ("(it has none)",))
    return runtime, variant


def open_session(path: Path, runtime: str | None = None, threads: int = 1) -> Session:
    """Open a file with the named runtime, or with the first of :func:`runtimes_for`.

    Raises:
        UsageError, RuntimeUnavailable, ArtifactError: see :func:`find_runtime` and :meth:`Runtime.open`.
    """
    found, variant = _chosen(path, runtime)
    return found.open(path, threads, variant)


def default_session(path: Path, runtime: str | None = None, threads: int = 1) -> Session | None:
    """The file as its runtime opens it by default, or None for a runtime or variant to which ca-deploy adds nothing.

    Raises:
        UsageError, RuntimeUnavailable, ArtifactError: see :func:`open_session`.
    """
    found, variant = _chosen(path, runtime)
    return found.open(path, threads, found.default_variant) if found.default_variant and not variant else None


def differing_default(session: Session, path: Path, runtime: str | None = None, threads: int = 1) -> Session | None:
    """The file as opened by default, where this machine then computes something else than ``session``; else None.

    Raises:
        UsageError, RuntimeUnavailable, ArtifactError: see :func:`open_session`.
    """
    found, _ = _chosen(path, runtime)
    differs = session.settings and found.default_differs and load(found.default_differs)()
    return default_session(path, runtime, threads) if differs else None


def _chosen(path: Path, runtime: str | None) -> tuple[Runtime, str]:
    """The named runtime and its variant, or the first of :func:`runtimes_for`."""
    if runtime is not None:
        return find_runtime(runtime)
    for found in runtimes_for(path):
        return found, ""
    known = sorted({suffix for name in runtime_names() for suffix in find_runtime(name)[0].suffixes})
    raise ArtifactError(f"No runtime opens {path.name}: ca-deploy reads {', '.join(known)} files.")


def runtimes_for(path: Path) -> list[Runtime]:
    """Those that open files of this suffix, by name; those that can run here come first."""
    found = [find_runtime(name)[0] for name in runtime_names()]
    return sorted((r for r in found if path.suffix in r.suffixes), key=lambda runtime: bool(runtime.missing()))
