"""Network -> ``.mlpackage``: the whole story."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ca_deploy.errors import RecipeError, UsageError
from ca_deploy.formats.coreml.bias_correction import ShiftBiases, bias_shifts
from ca_deploy.formats.coreml.classifier import LABEL, LABEL_PROBABILITIES, add_classifier
from ca_deploy.formats.coreml.compress import apply_passes, compress_weights
from ca_deploy.formats.coreml.convert import OUTPUT, PROBABILITIES, convert, trace
from ca_deploy.formats.coreml.metadata import describe
from ca_deploy.formats.coreml.package import save
from ca_deploy.formats.coreml.quantise import activation_passes
from ca_deploy.formats.coreml.run_time import float_operators
from ca_deploy.formats.coreml.statistics import observe
from ca_deploy.mil.executor import Executor
from ca_deploy.mil.package import read_package
from ca_deploy.mil.program import read_program
from ca_deploy.mil.specs import tensor_specs
from ca_deploy.records.conversion import Converted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ca_deploy.networks.source import Network
    from ca_deploy.records.recipe import ExportRecipe

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
        save(model.get_spec(), Path(model.weights_dir), float32_path)
        model = convert(traced, "float16", recipe.deployment_target)
    if recipe.compresses_weights:
        step("compressing weights")
        compressed = compress_weights(model, recipe)
        if recipe.needs_calibration:
            if calibration is None:
                raise RecipeError(f"{recipe.name} needs calibration images. Pass them with --calibration.")
            feeds = (_feed(network, image, camera) for image in calibration)
            step(f"calibrating on {len(calibration)} images with the reference executor")
            compressed = _calibrate(model, compressed, feeds, recipe, path.parent)
        model = compressed
    step("writing the package")
    spec = model.get_spec()
    if traced.labels:
        add_classifier(spec, PROBABILITIES, traced.labels)
    describe(spec, network, recipe)
    save(spec, Path(model.weights_dir), path)
    program = read_program(read_package(path))
    inputs, outputs = tensor_specs(program)
    notes = [f"It is a classifier: {LABEL} and {LABEL_PROBABILITIES} come with {OUTPUT}."] if traced.labels else []
    return Converted(
        inputs=inputs,
        outputs=outputs,
        operators=dict(Counter(o.kind for o in program.operations if o.kind != "const").most_common()),
        tools={tool: version(tool) for tool in _TOOLS},
        float_operators=float_operators(program) if recipe.is_integer else (),
        notes=tuple(notes),
        float32_path=float32_path,
    )


def _calibrate(
    model: Any, compressed: Any, feeds: "Iterable[NDArray[np.generic]]", recipe: "ExportRecipe", folder: Path
) -> Any:
    """Correct the biases of ``compressed``, which is ``model`` with smaller weights, and quantise its activations.

    Both are run as they would be saved.
    """
    with TemporaryDirectory(dir=folder) as scratch, _one_thread():
        packages = Path(scratch, "float16.mlpackage"), Path(scratch, "compressed.mlpackage")
        for converted, package in zip((model, compressed), packages, strict=True):
            save(converted.get_spec(), Path(converted.weights_dir), package)
        seen = observe(packages[0], feeds)
        original = Executor(packages[0])
        shifts = bias_shifts(original, Executor(packages[1]), seen)
    passes = activation_passes(original.program, seen, recipe) if recipe.activation_bits else []
    return apply_passes(compressed, [ShiftBiases(shifts), *passes])


@contextmanager
def _one_thread() -> Iterator[None]:
    """PyTorch's kernels round differently with every number of threads, and the file must not depend on it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _feed(network: "Network", rgb: "NDArray[np.uint8]", camera: bool) -> "NDArray[Any]":
    """uint8 RGB ``(S, S, 3)`` -> what the program takes, a batch of one."""
    return rgb[None] if camera else network.preprocessing.normalise(rgb)[None]
