"""ML Programs for Core ML on iPhone, iPad and Mac, written by coremltools."""

from collections.abc import Iterator

from ca_deploy.formats import Bits, Format, Option
from ca_deploy.records.recipe import ExportRecipe

# Core ML supports compressed weights from iOS 16 on, quantised activations from iOS 17 on, and several tables per
# weight, which 4 bits need, from iOS 18 on.
_OLDEST_TARGET = {"weight_only": "iOS16", "palettized": "iOS16", "static": "iOS17"}


def _complaints(recipe: ExportRecipe) -> Iterator[str]:
    needs_several_tables = recipe.mode == "palettized" and recipe.weight_bits == 4
    oldest = "iOS18" if needs_several_tables else _OLDEST_TARGET.get(recipe.mode, "")
    target = str(recipe.options.get("deployment_target", oldest))
    if target < oldest:
        yield f"deployment_target: {target} is too old; {recipe.mode} needs {oldest} or newer."


FORMAT = Format(
    name="coreml",
    suffix=".mlpackage",
    description="Core ML package (ML Program) for iPhone, iPad and Mac",
    converter="ca_deploy.formats.coreml.export:CoremlConverter",
    snippets="ca_deploy.formats.coreml.snippets:snippets",
    finishes=("detection/nms",),
    unfinished="ca_deploy.formats.coreml.detections:without_detections",
    unrounded="ca_deploy.formats.coreml.unrounded:open_unrounded",
    limits="ca_deploy.formats.coreml.limits:limits",
    packages=("coremltools",),
    modes={
        "float32": Bits(),
        "float16": Bits(),
        "weight_only": Bits(weights=(8,)),
        "palettized": Bits(weights=(4, 6, 8)),
        "static": Bits(weights=(8,), activations=(8,)),
    },
    io=("float32", "uint8rgb"),
    enumerated_sizes=True,
    options={
        "deployment_target": Option(
            ("iOS15", "iOS16", "iOS17", "iOS18"), "a Core ML recipe states the oldest iOS that it is for"
        )
    },
    layer_bits={"float": "", 16: "coremltools quantises activations to 8 bits only"},
    complaints=_complaints,
)
