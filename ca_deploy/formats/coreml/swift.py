"""Swift code that runs an exported Core ML package, generated from its manifest."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.records.manifest import Manifest

_SWIFT = Template("""// Classify a CGImage with $file (written by ca-deploy).
// Drag the package into the Xcode project; Xcode compiles it to an .mlmodelc of the same name.
import CoreGraphics
import CoreML
import CoreVideo
import Foundation

let labels: [String] = [$labels]

final class Classifier {
    private let model: MLModel

    init() throws {
        guard let url = Bundle.main.url(forResource: $stem, withExtension: "mlmodelc") else {
            throw CocoaError(.fileNoSuchFile)
        }
        model = try MLModel(contentsOf: url)
    }

    /// Logits, one per class.
    func run(_ photo: CGImage) throws -> [Float] {
        let input = try MLDictionaryFeatureProvider(dictionary: [$input: try feature(square(photo))])
        let output = try model.prediction(from: input)
        guard let logits = output.featureValue(for: $output)?.multiArrayValue else {
            throw CocoaError(.featureUnsupported)
        }
        return (0..<logits.count).map { logits[$$0].floatValue }
    }

    /// The central square; of a photo whose shorter side is scaled to $resize px, $crop x $crop px of it.
    private func square(_ photo: CGImage) throws -> CGImage {
        let side = CGFloat(min(photo.width, photo.height)) * $crop / $resize
        let corner = CGPoint(x: (CGFloat(photo.width) - side) / 2, y: (CGFloat(photo.height) - side) / 2)
        guard let cropped = photo.cropping(to: CGRect(origin: corner, size: CGSize(width: side, height: side))) else {
            throw CocoaError(.featureUnsupported)
        }
        return cropped
    }

$feature
}
""")

_PICTURE = Template("""    /// Scaled to $crop x $crop px; normalisation is inside the model.
    private func feature(_ square: CGImage) throws -> MLFeatureValue {
        try MLFeatureValue(
            cgImage: square, pixelsWide: $crop, pixelsHigh: $crop, pixelFormatType: kCVPixelFormatType_32BGRA,
            options: nil
        )
    }""")

_TENSOR = Template("""    /// RGB (1, 3, $crop, $crop), (value / 255 - mean) / deviation.
    private func feature(_ square: CGImage) throws -> MLFeatureValue {
        let mean: [Float] = [$mean]
        let deviation: [Float] = [$std]
        var pixels = [UInt8](repeating: 0, count: $crop * $crop * 4)
        let context = CGContext(
            data: &pixels, width: $crop, height: $crop, bitsPerComponent: 8, bytesPerRow: $crop * 4,
            space: CGColorSpaceCreateDeviceRGB(), bitmapInfo: CGImageAlphaInfo.noneSkipLast.rawValue
        )
        context?.interpolationQuality = .high
        context?.draw(square, in: CGRect(x: 0, y: 0, width: $crop, height: $crop))
        let tensor = try MLMultiArray(shape: [1, 3, $crop, $crop], dataType: .float32)
        for channel in 0..<3 {
            for pixel in 0..<($crop * $crop) {
                let value = Float(pixels[pixel * 4 + channel]) / 255
                tensor[channel * $crop * $crop + pixel] = NSNumber(value: (value - mean[channel]) / deviation[channel])
            }
        }
        return MLFeatureValue(multiArray: tensor)
    }""")


def swift(manifest: Manifest) -> str:
    """A class for an iOS or macOS app. The tests parse it, but do not compile it: they run on Linux.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    spec = manifest.inputs[0]
    values = {
        "crop": str(manifest.preprocessing.crop),
        "mean": ", ".join(map(quoting.number, manifest.preprocessing.mean)),
        "std": ", ".join(map(quoting.number, manifest.preprocessing.std)),
    }
    return _SWIFT.substitute(
        values,
        file=quoting.swift(manifest.file),
        stem=quoting.swift(manifest.file.removesuffix(".mlpackage")),
        labels=", ".join(map(quoting.swift, manifest.labels or ())),
        input=quoting.swift(spec.name),
        output=quoting.swift(manifest.outputs[0].name),
        resize=manifest.preprocessing.resize,
        feature=(_TENSOR if spec.normalised else _PICTURE).substitute(values),
    )
