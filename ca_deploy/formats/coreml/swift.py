"""Swift code that runs an exported Core ML package, generated from its manifest."""

from collections.abc import Iterable
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._output import returned, task_of
from ca_deploy.formats.coreml.swift_input import GREY, preprocess
from ca_deploy.records.manifest import Manifest

_FILE = Template("""// $headline with $file (written by ca-deploy).
// Drag the package into the Xcode project; Xcode compiles it to an .mlmodelc of the same name.
$imports

let labels: [String] = [$labels]

${before}final class $class_name {
    private let model: MLModel

    init() throws {
        guard let url = Bundle.main.url(forResource: $stem, withExtension: "mlmodelc") else {
            throw CocoaError(.fileNoSuchFile)
        }
        model = try MLModel(contentsOf: url)
    }

$methods
}
""")

_RUN = Template("""    /// $returned The photo has to be upright.
    func run(_ photo: CGImage) throws -> [Float] {
        let input = try MLDictionaryFeatureProvider(dictionary: [$input: feature(photo)])
        let output = try model.prediction(from: input)
        guard let values = output.featureValue(for: $output)?.multiArrayValue else {
            throw CocoaError(.featureUnsupported)
        }
        return (0..<values.count).map { values[$$0].floatValue }
    }""")


def swift(manifest: Manifest) -> str:
    """A class for an iOS or macOS app that takes one photo. The tests only parse it: they run on Linux.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    spec, preprocessing = manifest.inputs[0], manifest.preprocessing
    run = _RUN.substitute(
        returned=returned(manifest),
        input=quoting.swift(spec.name),
        output=quoting.swift(manifest.outputs[0].name),
    )
    methods = [run, preprocess(preprocessing, spec), *([GREY] if preprocessing.channels == "grey" else [])]
    return source(manifest, task_of(manifest).headline, methods)


def source(manifest: Manifest, headline: str, methods: Iterable[str], before: str = "") -> str:
    """A file with a class of these methods; ``headline`` is what it does, and ``before`` are declarations before it."""
    picture = any(not spec.normalised for spec in manifest.inputs)
    frameworks = ["CoreGraphics", "CoreML", *(["CoreVideo"] if picture else []), "Foundation"]
    return _FILE.substitute(
        headline=headline,
        file=quoting.swift(manifest.file),
        imports="\n".join(f"import {framework}" for framework in frameworks),
        labels=", ".join(map(quoting.swift, manifest.labels or ())),
        before=before,
        class_name=task_of(manifest).class_name,
        stem=quoting.swift(manifest.file.removesuffix(".mlpackage")),
        methods="\n\n".join(methods),
    )
