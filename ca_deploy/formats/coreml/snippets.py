"""Code that runs a Core ML package: Python, and Swift for iOS and macOS."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._interface import takes_one_photo
from ca_deploy.formats._python import python
from ca_deploy.formats._python_general import python_general
from ca_deploy.formats.coreml.swift import swift
from ca_deploy.formats.coreml.swift_general import swift_general
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.tensors import TensorSpec

_PYTHON = Template("""if sys.platform == "darwin":
        import coremltools

        return coremltools.models.MLModel(str(MODEL)).predict({$name: $given})[$output][0]
    from ca_deploy.mil.executor import Executor  # Core ML needs a Mac; this computes the same

    output = Executor(MODEL).run({$name: tensor})[$output][0]""")


_PYTHON_GENERAL = Template("""given = dict(zip([$inputs], tensors))
    if sys.platform == "darwin":
        import coremltools
$pictures
        outputs = coremltools.models.MLModel(str(MODEL)).predict(given)
    else:
        from ca_deploy.mil.executor import Executor  # Core ML needs a Mac; this computes the same

        outputs = Executor(MODEL).run(given)
    return [$outputs]""")


def snippets(manifest: Manifest) -> dict[str, str]:
    """The code by suffix; see :meth:`ca_deploy.formats.Format.code_for`."""
    package = "coremltools on a Mac, ca-deploy elsewhere"
    if not takes_one_photo(manifest):
        return {".py": python_general(manifest, package, "", _invoke(manifest)), ".swift": swift_general(manifest)}
    spec = manifest.inputs[0]
    invoke = _PYTHON.substitute(
        name=quoting.python(spec.name),
        given=_given(spec, manifest.preprocessing, "tensor"),
        output=quoting.python(manifest.outputs[0].name),
    )
    return {".py": python(manifest, package, "", invoke), ".swift": swift(manifest)}


def _invoke(manifest: Manifest) -> str:
    pictures = []
    for spec, one in zip(manifest.inputs, manifest.signature.inputs, strict=True):
        given = f"given[{quoting.python(spec.name)}]"
        if not spec.normalised:
            pictures.append(f"\n        {given} = {_given(spec, one.preprocessing, given)}")
    outputs = (f"outputs[{quoting.python(spec.name)}].astype(np.{spec.dtype})" for spec in manifest.outputs)
    return _PYTHON_GENERAL.substitute(
        inputs=", ".join(quoting.python(spec.name) for spec in manifest.inputs),
        pictures="".join(pictures),
        outputs=", ".join(outputs),
    )


def _given(spec: TensorSpec, preprocessing: Preprocessing | None, tensor: str) -> str:
    """What Core ML takes: a picture where that is declared."""
    if spec.normalised or preprocessing is None:
        return tensor
    return f"Image.fromarray({tensor}{'[0, ..., 0]' if preprocessing.channels == 'grey' else '[0]'})"
