"""Network -> ``.mlpackage``: the whole story."""

from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ca_deploy.errors import RecipeError, UsageError
from ca_deploy.formats import Converted
from ca_deploy.formats.coreml.convert import LABEL, OUTPUT, convert, trace
from ca_deploy.formats.coreml.metadata import describe
from ca_deploy.formats.coreml.package import save
from ca_deploy.mil.package import read_package
from ca_deploy.mil.program import read_program
from ca_deploy.mil.specs import tensor_specs

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.recipe import ExportRecipe
    from ca_deploy.source import Network

_TOOLS = ("torch", "coremltools")


def export(
    network: "Network",
    recipe: "ExportRecipe",
    calibration: "NDArray[np.uint8] | None",
    path: Path,
    dynamic_batch: bool,
    step: Callable[[str], None],
) -> Converted:
    """Write ``path``, a folder; see :class:`ca_deploy.formats.Exporter`.

    Raises:
        UsageError: ``dynamic_batch``, which these packages do not offer.
        RecipeError: a recipe without deployment target, or a static one without calibration images.
        ModelError: the network cannot be converted or quantised.
    """
    if dynamic_batch:
        raise UsageError(
            "--dynamic-batch is not possible with --format coreml: these packages take one image at a time."
        )
    if recipe.deployment_target is None:
        raise RecipeError(f"{recipe.name}: a Core ML recipe states its deployment_target.")
    camera = recipe.io == "uint8rgb"
    step("tracing the network")
    traced = trace(network, camera)
    step("converting with coremltools")
    model = convert(traced, "float32", recipe.deployment_target)
    float32_path = None
    if recipe.mode != "float32":
        float32_path = path.with_name(f"{path.stem}.float32.mlpackage")
        save(model, float32_path)
        model = convert(traced, "float16", recipe.deployment_target)
    describe(model, network, recipe)
    save(model, path)
    program = read_program(read_package(path))
    inputs, outputs = tensor_specs(program)
    notes = [f"It is a classifier: {LABEL} and {LABEL}_probs come with {OUTPUT}."] if traced.labels else []
    return Converted(
        inputs=inputs,
        outputs=outputs,
        operators=dict(Counter(o.kind for o in program.operations if o.kind != "const").most_common()),
        tools={tool: version(tool) for tool in _TOOLS},
        notes=tuple(notes),
        float32_path=float32_path,
    )
