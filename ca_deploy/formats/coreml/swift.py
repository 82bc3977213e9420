"""Swift code that runs an exported Core ML package, generated from its manifest."""

from collections.abc import Iterable
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._output import returned, task_of
from ca_deploy.formats.coreml.swift_fit import placement
from ca_deploy.formats.coreml.swift_input import feature, helpers, preprocess
from ca_deploy.records.manifest import Manifest
from ca_deploy.tasks import Ran

_FILE = Template("""// $headline with $file (written by ca-deploy).
// Drag the package into the Xcode project; Xcode compiles it to an .mlmodelc of the same name.
$imports

let labels: [String] = [$labels]

$functions

final class $class_name {
    private let model: MLModel

    init() throws {
        guard let url = Bundle.main.url(forResource: $stem, withExtension: "mlmodelc") else {
            throw CocoaError(.fileNoSuchFile)
        }
        model = try MLModel(contentsOf: url)
    }

$method
}
$answered""")

_RUN = Template("""    /// $returned The photo is upright, as `openPhoto` gives it.
    func run(_ photo: CGImage) throws -> [Float] {
        let input = try MLDictionaryFeatureProvider(dictionary: [$input: $feature])
        return try array(model.prediction(from: input), $output)
    }""")

FEATURE = """\
private func feature<Number: MLShapedArrayScalar>(_ values: [Number], _ shape: [Int]) throws -> MLFeatureValue {
    guard values.count == shape.reduce(1, *) else { throw CocoaError(.featureUnsupported) }
    return MLFeatureValue(shapedArray: MLShapedArray(scalars: values, shape: shape))
}"""
ARRAY = """\
/// An output as a flat array: `MLShapedArray` converts float16, and skips the padding between rows.
private func array<Number: MLShapedArrayScalar>(_ outputs: MLFeatureProvider, _ name: String) throws -> [Number] {
    guard let tensor = outputs.featureValue(for: name)?.multiArrayValue else { throw CocoaError(.featureUnsupported) }
    return MLShapedArray<Number>(converting: tensor).scalars
}"""


def swift(manifest: Manifest) -> str:
    """A class for an iOS or macOS app that takes one photo.

    The tests compile it on Linux, with stubs of Apple's frameworks.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    spec, preprocessing = manifest.inputs[0], manifest.preprocessing
    run = _RUN.substitute(
        returned=returned(manifest),
        input=quoting.swift(spec.name),
        feature=feature(preprocessing, spec, "photo"),
        output=quoting.swift(manifest.outputs[0].name),
    )
    functions = [
        preprocess(preprocessing, spec),
        *helpers([preprocessing]),
        *([FEATURE] if spec.normalised else []),
        ARRAY,
    ]
    answered = answers(manifest, Ran("run(photo)", {manifest.signature.outputs[0].name: "outputs"}))
    return source(manifest, task_of(manifest).headline, functions, run, answered)


def answers(manifest: Manifest, ran: Ran) -> tuple[str, ...]:
    """Declarations that read the answers of the task; none where an app has to."""
    photo = manifest.signature.photo
    code = task_of(manifest).swift(manifest.signature, ran)
    return (code, placement(photo)) if code and photo is not None else ()


def source(
    manifest: Manifest, headline: str, functions: Iterable[str], method: str, answered: Iterable[str] = ()
) -> str:
    """A file with these declarations before and behind a class with this method; ``headline`` is what it does."""
    picture = any(not spec.normalised for spec in manifest.inputs)
    photos = ["CoreGraphics"] if manifest.signature.images else []
    frameworks = [
        *photos,
        "CoreML",
        *(["CoreVideo"] if picture else []),
        "Foundation",
        *(["ImageIO"] if photos else []),
    ]
    return _FILE.substitute(
        headline=headline,
        file=quoting.swift(manifest.file),
        imports="\n".join(f"import {framework}" for framework in frameworks),
        labels=", ".join(map(quoting.swift, manifest.labels or ())),
        functions="\n\n".join(functions),
        class_name=task_of(manifest).class_name,
        stem=quoting.swift(manifest.file.removesuffix(".mlpackage")),
        method=method,
        answered="".join(f"\n{code}\n" for code in answered),
    )
