"""A format of its own kind: a torch.export program, whose weights a static recipe rounds to INT8."""

from collections import Counter
from typing import TYPE_CHECKING

import torch

from ca_deploy.formats import Bits, Format, Option
from ca_deploy.networks.program import traced
from ca_deploy.progress import Step
from ca_deploy.records.conversion import Conversion, Converted, FloatOperator
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.records.samples import Samples
from ca_deploy.records.tensors import TensorSpec

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network


class DummyConverter:
    def __init__(self, network: "Network") -> None:
        self._network = network

    def convert(self, conversion: Conversion, step: Step) -> torch.export.ExportedProgram:
        step(f"converting with a {conversion.recipe.options['flavour']} flavour")
        program = traced(self._network)
        if conversion.recipe.mode != "float32":
            torch.export.save(program, conversion.float32_path)
        return program

    def calibrate(self, model: torch.export.ExportedProgram, samples: Samples, recipe: ExportRecipe) -> int:
        return len(samples)

    def ranges(self, model: torch.export.ExportedProgram, seen: int, recipe: ExportRecipe) -> float:
        return 127.0 if seen else 0.0

    def apply(
        self,
        model: torch.export.ExportedProgram,
        recipe: ExportRecipe,
        seen: int | None,
        ranges: float | None,
        step: Step,
    ) -> torch.export.ExportedProgram:
        step("rounding weights")
        for weight in model.state_dict.values():
            if weight.is_floating_point() and weight.ndim > 1 and ranges:
                scale = weight.abs().amax(tuple(range(1, weight.ndim)), keepdim=True).clamp(min=1e-9) / ranges
                weight.data.copy_((weight / scale).round() * scale)
        return model

    def write(self, model: torch.export.ExportedProgram, conversion: Conversion) -> Converted:
        torch.export.save(model, conversion.path)
        calls = Counter(str(node.target) for node in model.graph.nodes if node.op == "call_function")
        signature = self._network.signature
        return Converted(
            inputs=tuple(
                TensorSpec(taken.name, taken.shape, taken.dtype, "NCHW" if taken.preprocessing else "other")
                for taken in signature.inputs
            ),
            outputs=tuple(TensorSpec(given.name, given.shape, given.dtype, "NC") for given in signature.outputs),
            operators=dict(calls),
            tools={"torch": torch.__version__},
            float_operators=(FloatOperator("everything", 1, "it is a dummy"),) if conversion.recipe.is_integer else (),
            float32_path=conversion.float32_path if conversion.recipe.mode != "float32" else None,
        )


def snippets(manifest: Manifest) -> dict[str, str]:
    return {".dummycode": f"feed {manifest.file}\n"}


FORMAT = Format(
    name="dummy",
    suffix=".dummy",
    description="a format that a folder was given",
    converter=f"{__name__}:DummyConverter",
    snippets=f"{__name__}:snippets",
    packages=("torch",),
    modes={"float32": Bits(), "static": Bits(weights=(8,), activations=(8,))},
    options={"flavour": Option(("sweet", "sour"), "a dummy has a taste")},
)
