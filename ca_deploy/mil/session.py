"""A program in the reference executor as a session, as runtimes give them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ca_deploy.mil.executor import Executor
from ca_deploy.mil.specs import tensor_specs

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ReferenceSession:
    """Returns the outputs that are tensors; the label and the dictionary of a classifier follow from them."""

    def __init__(self, executor: Executor) -> None:
        self.runtime = "reference executor"
        self.settings: Mapping[str, str] = {}
        self._executor = executor
        self.inputs, self.outputs = tensor_specs(executor.program)

    def run(self, feeds: Mapping[str, "NDArray[Any]"]) -> dict[str, "NDArray[Any]"]:
        answers = self._executor.run(feeds)
        return {spec.name: answers[spec.name] for spec in self.outputs}
