"""Runtimes: file -> Session. One module here is one runtime; its ``RUNTIME`` describes it.

A runtime is named ``litert``, or with a variant of its kernels ``litert:reference``.
"""

import importlib
import importlib.util
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ca_deploy.errors import ArtifactError, RuntimeUnavailable, unknown_name
from ca_deploy.tensors import TensorSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Session(Protocol):
    """An opened model. ``run`` takes and gives arrays as the file stores them (integers stay integers).

    ``runtime`` says what computes, for reports: ``"LiteRT 2.3.0, XNNPACK"``.
    """

    @property
    def runtime(self) -> str: ...
    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...
    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...
    def run(self, feeds: Mapping[str, "NDArray[Any]"]) -> dict[str, "NDArray[Any]"]: ...


@dataclass(frozen=True, slots=True)
class Runtime:
    """One inference runtime. ``opener`` is ``module:function(path, threads, variant) -> Session``."""

    name: str
    suffixes: tuple[str, ...]
    package: str
    opener: str
    variants: tuple[str, ...] = ()
    install: str = "pip install ca-deploy"

    def open(self, path: Path, threads: int, variant: str) -> Session:
        """Open a file.

        Raises:
            RuntimeUnavailable: the runtime is not installed, or does not open files of this kind.
            ArtifactError: the file is missing or damaged.
        """
        if path.suffix not in self.suffixes:
            raise RuntimeUnavailable(f"Runtime {self.name} opens {', '.join(self.suffixes)} files, not {path.name}.")
        if importlib.util.find_spec(self.package) is None:
            raise RuntimeUnavailable(f"Runtime {self.name} is not installed here. Install it: {self.install}")
        if not path.is_file():
            raise ArtifactError(f"Model file {path} does not exist.")
        module, _, function = self.opener.partition(":")
        session: Session = getattr(importlib.import_module(module), function)(path, threads, variant)
        return session


def runtime_names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def find_runtime(name: str) -> tuple[Runtime, str]:
    """The runtime and the variant that ``name`` or ``name:variant`` asks for.

    Raises:
        UsageError: no such runtime or variant; names the closest.
    """
    base, _, variant = name.partition(":")
    if base not in runtime_names():
        raise unknown_name("runtime", base, runtime_names())
    runtime: Runtime = importlib.import_module(f"{__name__}.{base}").RUNTIME
    if variant and variant not in runtime.variants:
        raise unknown_name(f"variant of runtime {base}", variant, runtime.variants or ("(it has none)",))
    return runtime, variant


def open_session(path: Path, runtime: str | None = None, threads: int = 1) -> Session:
    """Open a file with the named runtime, or with the first one made for its suffix.

    Raises:
        UsageError, RuntimeUnavailable, ArtifactError: see :func:`find_runtime` and :meth:`Runtime.open`.
    """
    if runtime is not None:
        found, variant = find_runtime(runtime)
        return found.open(path, threads, variant)
    for name in runtime_names():
        found, _ = find_runtime(name)
        if path.suffix in found.suffixes:
            return found.open(path, threads, "")
    known = sorted({suffix for name in runtime_names() for suffix in find_runtime(name)[0].suffixes})
    raise ArtifactError(f"No runtime opens {path.name}: ca-deploy reads {', '.join(known)} files.")
