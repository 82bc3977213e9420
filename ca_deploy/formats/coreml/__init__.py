"""ML Programs for Core ML on iPhone, iPad and Mac, written by coremltools."""

from ca_deploy.formats import Format

FORMAT = Format(
    name="coreml",
    suffix=".mlpackage",
    description="Core ML package (ML Program) for iPhone, iPad and Mac",
    exporter="ca_deploy.formats.coreml.export:export",
    packages=("coremltools",),
)
