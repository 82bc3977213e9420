"""Core ML itself, through ``MLModel.predict`` of coremltools; only on a Mac."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ca_deploy.errors import RuntimeUnavailable, shown
from ca_deploy.runtimes import Runtime, Session

if TYPE_CHECKING:
    from numpy.typing import NDArray

RUNTIME = Runtime("coreml", (".mlpackage",), "coremltools", f"{__name__}:open_file", platform="darwin")


def open_file(path: Path, threads: int, variant: str) -> Session:
    return CoreMLSession(path)


class CoreMLSession:
    """One compiled model; Core ML chooses between CPU, GPU and Neural Engine."""

    def __init__(self, path: Path) -> None:
        import platform

        import coremltools

        from ca_deploy.mil.package import read_package
        from ca_deploy.mil.program import read_program
        from ca_deploy.mil.specs import tensor_specs

        program = read_program(read_package(path))
        self.runtime = f"Core ML, macOS {platform.mac_ver()[0]} (coremltools {version('coremltools')})"
        self.settings: Mapping[str, str] = {}
        self.inputs, self.outputs = tensor_specs(program)
        self._images = program.images
        try:
            self._model = coremltools.models.MLModel(str(path))
        except Exception as error:  # coremltools has no class for Core ML's errors
            raise RuntimeUnavailable(f"{path.name} does not run in this Core ML: {shown(str(error))}") from error

    def run(self, feeds: Mapping[str, "NDArray[Any]"]) -> dict[str, "NDArray[Any]"]:
        from PIL import Image

        given = {name: Image.fromarray(value[0]) if name in self._images else value for name, value in feeds.items()}
        answers = self._model.predict(given)
        return {spec.name: answers[spec.name] for spec in self.outputs}
