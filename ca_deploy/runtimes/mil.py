"""The reference executor: runs an ML Program (``.mlpackage``) anywhere, without Core ML."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ca_deploy.runtimes import Runtime, Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.mil.executor import Executor

RUNTIME = Runtime("mil", (".mlpackage",), "torch", f"{__name__}:open_file", reference=True)


def open_file(path: Path, threads: int, variant: str) -> Session:
    """``threads`` is ignored: PyTorch's thread count is a setting of the whole process."""
    from ca_deploy.mil.executor import Executor

    return ReferenceSession(Executor(path))


class ReferenceSession:
    """Returns the outputs that are tensors; the label and the dictionary of a classifier follow from them."""

    def __init__(self, executor: "Executor") -> None:
        from ca_deploy.mil.specs import tensor_specs

        self.runtime = "reference executor"
        self.settings: Mapping[str, str] = {}
        self._executor = executor
        self.inputs, self.outputs = tensor_specs(executor.program)

    def run(self, feeds: Mapping[str, "NDArray[Any]"]) -> dict[str, "NDArray[Any]"]:
        answers = self._executor.run(feeds)
        return {spec.name: answers[spec.name] for spec in self.outputs}
