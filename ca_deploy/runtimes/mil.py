"""The reference executor: runs an ML Program (``.mlpackage``) anywhere, without Core ML."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ca_deploy.runtimes import Runtime, Session

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RUNTIME = Runtime(
    "mil", (".mlpackage",), "torch", f"{__name__}:open_file", reference=True, inner=f"{__name__}:inner_tensors"
)


def open_file(path: Path, threads: int, variant: str) -> Session:
    """``threads`` is ignored: PyTorch's thread count is a setting of the whole process."""
    from ca_deploy.mil.executor import Executor
    from ca_deploy.mil.session import ReferenceSession

    return ReferenceSession(Executor(path))


def inner_tensors(
    path: Path, several: "Iterable[Mapping[str, NDArray[Any]]]", names: Sequence[str]
) -> "Iterator[Mapping[str, NDArray[np.float32]]]":
    """Tensors of the program by name."""
    from ca_deploy.mil.executor import Executor

    executor, wanted = Executor(path), set(names)
    for feeds in several:
        found: dict[str, NDArray[np.float32]] = {}

        def keep(name: str, value: Any, found: "dict[str, NDArray[np.float32]]" = found) -> None:
            if name in wanted:
                found[name] = value.numpy().copy()

        executor.run(feeds, observe=keep)
        yield found
