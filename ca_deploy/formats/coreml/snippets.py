"""Code that runs a Core ML package: Python, and Swift for iOS and macOS."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._python import python
from ca_deploy.formats.coreml.swift import swift
from ca_deploy.records.manifest import Manifest

_PYTHON = Template("""if sys.platform == "darwin":
        import coremltools

        return coremltools.models.MLModel(str(MODEL)).predict({$name: $given})[$output][0]
    from ca_deploy.mil.executor import Executor  # Core ML needs a Mac; this computes the same

    output = Executor(MODEL).run({$name: tensor})[$output][0]""")


def snippets(manifest: Manifest) -> dict[str, str]:
    """The code by suffix; see :meth:`ca_deploy.formats.Format.code_for`."""
    spec = manifest.inputs[0]
    picture = "tensor[0, ..., 0]" if manifest.preprocessing.channels == "grey" else "tensor[0]"
    invoke = _PYTHON.substitute(
        name=quoting.python(spec.name),
        given="tensor" if spec.normalised else f"Image.fromarray({picture})",
        output=quoting.python(manifest.outputs[0].name),
    )
    package = "coremltools on a Mac, ca-deploy elsewhere"
    return {".py": python(manifest, package, "", invoke), ".swift": swift(manifest)}
