"""Swift code that runs an exported Core ML package, generated from its manifest."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats.coreml.swift_input import preprocess
from ca_deploy.records.manifest import Manifest

_SWIFT = Template("""// Classify a CGImage with $file (written by ca-deploy).
// Drag the package into the Xcode project; Xcode compiles it to an .mlmodelc of the same name.
$imports

let labels: [String] = [$labels]

final class Classifier {
    private let model: MLModel

    init() throws {
        guard let url = Bundle.main.url(forResource: $stem, withExtension: "mlmodelc") else {
            throw CocoaError(.fileNoSuchFile)
        }
        model = try MLModel(contentsOf: url)
    }

    /// Logits, one per class, of a photo that is upright.
    func run(_ photo: CGImage) throws -> [Float] {
        let input = try MLDictionaryFeatureProvider(dictionary: [$input: feature(photo)])
        let output = try model.prediction(from: input)
        guard let logits = output.featureValue(for: $output)?.multiArrayValue else {
            throw CocoaError(.featureUnsupported)
        }
        return (0..<logits.count).map { logits[$$0].floatValue }
    }

$preprocess
}
""")


def swift(manifest: Manifest) -> str:
    """A class for an iOS or macOS app. The tests parse it, but do not compile it: they run on Linux.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    spec = manifest.inputs[0]
    frameworks = ["CoreGraphics", "CoreML", *([] if spec.normalised else ["CoreVideo"]), "Foundation"]
    return _SWIFT.substitute(
        file=quoting.swift(manifest.file),
        imports="\n".join(f"import {framework}" for framework in frameworks),
        stem=quoting.swift(manifest.file.removesuffix(".mlpackage")),
        labels=", ".join(map(quoting.swift, manifest.labels or ())),
        input=quoting.swift(spec.name),
        output=quoting.swift(manifest.outputs[0].name),
        preprocess=preprocess(manifest.preprocessing, spec),
    )
