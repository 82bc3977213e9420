"""Swift code that runs an exported Core ML package, generated from its manifest."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._output import returned
from ca_deploy.formats.coreml.swift_input import preprocess
from ca_deploy.records.manifest import Manifest
from ca_deploy.tasks import task_of

_SWIFT = Template("""// $headline with $file (written by ca-deploy).
// Drag the package into the Xcode project; Xcode compiles it to an .mlmodelc of the same name.
$imports

let labels: [String] = [$labels]

final class $class_name {
    private let model: MLModel

    init() throws {
        guard let url = Bundle.main.url(forResource: $stem, withExtension: "mlmodelc") else {
            throw CocoaError(.fileNoSuchFile)
        }
        model = try MLModel(contentsOf: url)
    }

    /// $returned The photo has to be upright.
    func run(_ photo: CGImage) throws -> [Float] {
        let input = try MLDictionaryFeatureProvider(dictionary: [$input: feature(photo)])
        let output = try model.prediction(from: input)
        guard let values = output.featureValue(for: $output)?.multiArrayValue else {
            throw CocoaError(.featureUnsupported)
        }
        return (0..<values.count).map { values[$$0].floatValue }
    }

$preprocess
}
""")


def swift(manifest: Manifest) -> str:
    """A class for an iOS or macOS app. The tests parse it, but do not compile it: they run on Linux.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    spec, task = manifest.inputs[0], task_of(manifest.task, manifest.outputs[0].shape[1:])
    frameworks = ["CoreGraphics", "CoreML", *([] if spec.normalised else ["CoreVideo"]), "Foundation"]
    return _SWIFT.substitute(
        headline=task.headline,
        class_name=task.class_name,
        returned=returned(manifest),
        file=quoting.swift(manifest.file),
        imports="\n".join(f"import {framework}" for framework in frameworks),
        stem=quoting.swift(manifest.file.removesuffix(".mlpackage")),
        labels=", ".join(map(quoting.swift, manifest.labels or ())),
        input=quoting.swift(spec.name),
        output=quoting.swift(manifest.outputs[0].name),
        preprocess=preprocess(manifest.preprocessing, spec),
    )
