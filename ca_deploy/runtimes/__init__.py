"""Runtimes: file -> Session. Each module here is one runtime; its ``RUNTIME`` describes it.

A runtime is named ``litert``, or with a variant of its kernels ``litert:reference``.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ca_deploy.errors import ArtifactError, CaDeployError, RuntimeUnavailable, unknown_name, wrong_in_file
from ca_deploy.graphs import check_place, check_valid, damaged
from ca_deploy.plugins import load, member, names_in, not_installed
from ca_deploy.processes.cores import cores
from ca_deploy.processes.time_limit import advice, side_by_side, time_limit_s, within
from ca_deploy.records.manifest import manifest_of
from ca_deploy.records.tensors import TensorSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_MOST_AT_ONCE = 4  # each has the memory of one more inference


class Session(Protocol):
    """An opened model. ``run`` takes and returns arrays in the file's own types (integers stay integers).

    ``runtime`` names the runtime and its kernels for reports: ``"LiteRT 2.3.0, XNNPACK"``. ``settings`` are session
    options beyond the runtime's defaults, with which the file computes the same outputs on every processor.
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


@dataclass(frozen=True, slots=True)
class _Guarded:
    """A session whose failures, which are other exceptions in each runtime, are errors of ca-deploy.

    ``limit_s`` is the longest that one run may take, None for no limit. ``at_once`` runs may go on at the same time.
    """

    file: str
    session: Session
    limit_s: float | None
    at_once: int

    @property
    def runtime(self) -> str:
        return self.session.runtime

    @property
    def settings(self) -> Mapping[str, str]:
        return self.session.settings

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self.session.inputs

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self.session.outputs

    def run(self, feeds: Mapping[str, "NDArray[Any]"]) -> dict[str, "NDArray[Any]"]:
        try:
            if self.limit_s is None:
                return self.session.run(feeds)
            return within(self.limit_s, lambda: self.session.run(feeds))
        except CaDeployError:
            raise
        except TimeoutError as error:
            late = f"{self.file} does not end: running it in {self.runtime} took longer than {self.limit_s:.0f} s."
            raise RuntimeUnavailable(f"{late} {advice()}") from error
        except Exception as error:
            why = wrong_in_file(error)
            raise RuntimeUnavailable(
                f"{self.file} fails in {self.runtime}: {why}. Export it again, or try another --runtime."
            ) from error


def each(session: Session, several: Iterable[Mapping[str, "NDArray[Any]"]]) -> Iterator[dict[str, "NDArray[Any]"]]:
    """Run a session on each of ``several`` feeds, in their order; where its runtime can, on some at the same time.

    Raises:
        CaDeployError: as :meth:`Session.run`.
    """
    if not isinstance(session, _Guarded) or session.at_once == 1:
        return map(session.run, several)
    limit_s = session.limit_s and session.limit_s * session.at_once  # they may share one core
    shared = replace(session, limit_s=limit_s)
    return side_by_side((partial(shared.run, feeds) for feeds in several), session.at_once)


# Float kernels accumulate in a different order on another processor, a relative difference of about 1e-6.
FLOAT_AGREEMENT_DB = 80.0


@dataclass(frozen=True, slots=True)
class OnDevice:
    """What ``profile`` needs to know about a runtime that it can measure on devices.

    ``benchmark`` is the runtime's own benchmark program. ``agreement``, a ``module:function(path) -> float | None``,
    returns the lowest SQNR in dB between a file's outputs on two processors; None: they are bit-exact.
    """

    benchmark: str
    agreement: str

    def agreement_db(self, path: Path) -> float | None:
        found: float | None = load(self.agreement)(path)
        return found


@dataclass(frozen=True, slots=True)
class Runtime:
    """One inference runtime. ``opener`` is ``module:function(path, threads, variant) -> Session``.

    ``platform`` is the ``sys.platform`` that it needs. ``threaded``: several threads may run a session. ``reference``:
    it computes a file's outputs, but its speed means nothing. ``inner``, a ``module:function(path, several feeds,
    names) -> values by name, of each``, runs a file and gives tensors inside it as real numbers. ``default_variant``
    opens a file without :attr:`Session.settings`; ``default_differs``, a ``module:function() -> bool``, returns whether
    its outputs then differ on this machine.
    ``on_device`` is None where ``profile`` cannot measure it on devices.
    """

    name: str
    suffixes: tuple[str, ...]
    package: str
    opener: str
    variants: tuple[str, ...] = ()
    install: str = "pip install ca-deploy"
    platform: str | None = None
    threaded: bool = False
    reference: bool = False
    inner: str = ""
    default_variant: str = ""
    default_differs: str = ""
    on_device: OnDevice | None = None

    def missing(self) -> str:
        """Why it cannot run here, in a sentence, or ""."""
        if self._is_elsewhere:
            return f"Runtime {self.name} runs on {self._system} only."
        if not_installed([self.package]):
            return f"Runtime {self.name} is not installed here. Install it: {self.install}"
        return ""

    def missing_in_brief(self) -> str:
        """Why it cannot run here, in a few words, or ""."""
        if self._is_elsewhere:
            return f"{self._system} only"
        return f"not installed here: {self.package}" if not_installed([self.package]) else ""

    @property
    def _is_elsewhere(self) -> bool:
        return self.platform not in (None, sys.platform)

    @property
    def _system(self) -> str:
        return "macOS" if self.platform == "darwin" else str(self.platform)

    def open(self, path: Path, threads: int, variant: str) -> Session:
        """Open a file.

        Raises:
            RuntimeUnavailable: the runtime is not installed, needs another system, or does not open this format.
            ArtifactError: the file is missing or damaged.
        """
        if path.suffix not in self.suffixes:
            raise RuntimeUnavailable(f"Runtime {self.name} opens {', '.join(self.suffixes)} files, not {path.name}.")
        if missing := self.missing():
            raise RuntimeUnavailable(missing)
        check_place(path)
        try:
            at_once = min(cores(), _MOST_AT_ONCE) if self.threaded and threads == 1 else 1
            limit_s = None if self.reference else time_limit_s(path)  # of a reference, only the kernels are native
            return _Guarded(path.name, load(self.opener)(path, threads, variant), limit_s, at_once)
        except CaDeployError:
            raise
        except Exception as error:  # each library fails in its own way on what is damaged
            raise damaged(path, error) from error


def runtime_names() -> list[str]:
    return names_in(__path__)


def find_runtime(name: str) -> tuple[Runtime, str]:
    """The runtime and the variant for ``name`` or ``name:variant``.

    Raises:
        UsageError: no such runtime or variant; the message suggests the closest name.
    """
    base, _, variant = name.partition(":")
    runtime: Runtime = member(__name__, "RUNTIME", "runtime", base, "ca-deploy list runtimes")
    if variant and variant not in runtime.variants:
        raise unknown_name(f"variant of runtime {base}", variant, runtime.variants or ("(it has none)",))
    return runtime, variant


def open_session(path: Path, runtime: str | None = None, threads: int = 1, known: bool = False) -> Session:
    """Open a file in the named runtime, or in the first of :func:`runtimes_for`.

    A file that is not ``known``, and has no manifest beside it, is tried out in a process of its own before.

    Raises:
        UsageError, RuntimeUnavailable, ArtifactError: see :func:`find_runtime` and :meth:`Runtime.open`.
    """
    found, variant = _chosen(path, runtime)
    if not known and not found.reference and not found.missing() and path.suffix in found.suffixes:
        check_place(path)
        if not _has_manifest(path):
            check_valid(path)
            load("ca_deploy.runtimes._trial:try_out")(path, runtime or found.name, path.stat().st_mtime_ns)
    return found.open(path, threads, variant)


def inner_tensors(
    path: Path, several: Iterable[Mapping[str, "NDArray[Any]"]], names: Sequence[str]
) -> Iterator[Mapping[str, "NDArray[np.float32]"]]:
    """Run a file on each of ``several`` feeds as in :class:`Session`, and give tensors inside it as real numbers.

    Kernels may be others than those of :func:`open_session`, which fuse operators and reuse memory.

    Raises:
        RuntimeUnavailable: no runtime here gives the inner tensors of such a file.
    """
    for runtime in runtimes_for(path):
        if runtime.inner and not runtime.missing():
            check_place(path)
            try:
                yield from load(runtime.inner)(path, several, names)
            except CaDeployError:
                raise
            except Exception as error:  # each library fails in its own way on what is damaged
                raise damaged(path, error) from error
            return
    raise RuntimeUnavailable(f"No runtime here gives the tensors inside {path.name}.")


def _has_manifest(path: Path) -> bool:
    try:
        return manifest_of(path) is not None
    except ArtifactError:
        return False


def default_session(path: Path, runtime: str | None = None, threads: int = 1) -> Session | None:
    """The file opened with its runtime's default settings; None where ca-deploy does not change them.

    Raises:
        UsageError, RuntimeUnavailable, ArtifactError: see :func:`open_session`.
    """
    found, variant = _chosen(path, runtime)
    return found.open(path, threads, found.default_variant) if found.default_variant and not variant else None


def differing_default(session: Session, path: Path, runtime: str | None = None, threads: int = 1) -> Session | None:
    """The file opened with default settings, where its outputs then differ from those of ``session``; otherwise None.

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
    if found := runtimes_for(path):
        return found[0], ""
    known = sorted({suffix for name in runtime_names() for suffix in find_runtime(name)[0].suffixes})
    raise ArtifactError(f"No runtime opens {path.name}: ca-deploy reads {', '.join(known)} files.")


def runtimes_for(path: Path) -> list[Runtime]:
    """The runtimes that open files of this suffix, sorted by name; those that can run here come first."""
    all_runtimes = (find_runtime(name)[0] for name in runtime_names())
    fitting = [runtime for runtime in all_runtimes if path.suffix in runtime.suffixes]
    return sorted(fitting, key=lambda runtime: bool(runtime.missing()))
