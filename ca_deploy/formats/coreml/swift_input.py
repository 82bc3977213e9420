"""What a package takes, made of a photo in Swift: the arithmetic of
:class:`~ca_deploy.records.preprocessing.Preprocessing`, as far as one package needs it.

The bytes of a picture are written into its pixel buffer, so that nothing converts their colours on the way.
"""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats.coreml.swift_draw import draw
from ca_deploy.records.preprocessing import Channels, Preprocessing
from ca_deploy.records.tensors import TensorSpec

_TENSOR = Template("""    /// $channels (1, $depth, $height, $width), ($scaled - mean) / deviation.
    private func $feature(_ photo: CGImage) throws -> MLFeatureValue {
        let mean: [Float] = [$mean]
        let deviation: [Float] = [$std]
        var pixels = [UInt8](repeating: 0, count: $height * $width * 4)
        try $draw(photo, into: &pixels, bytesPerRow: $width * 4)
        let tensor = try MLMultiArray(shape: [1, $depth, $height, $width], dataType: .float32)
        for channel in 0..<$depth {
            for pixel in 0..<($height * $width) {
                let value = Float($byte)$divided
                let normalised = (value - mean[channel]) / deviation[channel]
                tensor[channel * $height * $width + pixel] = NSNumber(value: normalised)
            }
        }
        return MLFeatureValue(multiArray: tensor)
    }""")

_PICTURE = Template("""    /// A picture; normalisation is inside the model.$remark
    private func $feature(_ photo: CGImage) throws -> MLFeatureValue {
        var made: CVPixelBuffer?
        CVPixelBufferCreate(nil, $width, $height, $pixel_format, nil, &made)
        guard let picture = made else { throw CocoaError(.featureUnsupported) }
        CVPixelBufferLockBaseAddress(picture, [])
        defer { CVPixelBufferUnlockBaseAddress(picture, []) }
        guard let start = CVPixelBufferGetBaseAddress(picture) else { throw CocoaError(.featureUnsupported) }
        $fill
        return MLFeatureValue(pixelBuffer: picture)
    }""")
_COLOURED = "try $draw(photo, into: start, bytesPerRow: CVPixelBufferGetBytesPerRow(picture))"
_GREYED = """var pixels = [UInt8](repeating: 0, count: $height * $width * 4)
        try $draw(photo, into: &pixels, bytesPerRow: $width * 4)
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        for row in 0..<$height {
            for column in 0..<$width {
                bytes[row * CVPixelBufferGetBytesPerRow(picture) + column] = grey(pixels, row * $width + column)
            }
        }"""

GREY = """    /// Brightness of a pixel, 0...255 (ITU-R 601).
    private func grey(_ pixels: [UInt8], _ pixel: Int) -> UInt8 {
        let red = Int(pixels[pixel * 4]), green = Int(pixels[pixel * 4 + 1]), blue = Int(pixels[pixel * 4 + 2])
        return UInt8((19595 * red + 38470 * green + 7471 * blue + 0x8000) >> 16)
    }"""
_BYTES: dict[Channels, str] = {
    "RGB": "pixels[pixel * 4 + channel]",
    "BGR": "pixels[pixel * 4 + 2 - channel]",
    "grey": "grey(pixels, pixel)",
    "RGBA": "pixels[pixel * 4 + channel]",
}


def preprocess(preprocessing: Preprocessing, spec: TensorSpec, suffix: str = "") -> str:
    """The method ``feature``, which makes the input of ``spec`` of a photo, and ``draw``, which it calls.

    A ``suffix`` of both names tells methods for several inputs apart. Where the image is grey, they need :data:`GREY`.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    channels, grey = preprocessing.channels, preprocessing.channels == "grey"
    names = {"feature": f"feature{suffix}", "draw": f"draw{suffix}"}
    size = {"height": preprocessing.height, "width": preprocessing.width, **names}
    if spec.normalised:
        divided = " / 255" if preprocessing.value_range == 1 else ""
        feature = _TENSOR.substitute(
            size,
            channels=channels,
            depth=preprocessing.depth,
            byte=_BYTES[channels],
            divided=divided,
            scaled=f"value{divided}",
            mean=", ".join(map(quoting.number, preprocessing.mean)),
            std=", ".join(map(quoting.number, preprocessing.std)),
        )
    else:
        feature = _PICTURE.substitute(
            size,
            pixel_format="kCVPixelFormatType_OneComponent8" if grey else "kCVPixelFormatType_32BGRA",
            fill=Template(_GREYED if grey else _COLOURED).substitute(size),
            remark=" Its red is what the network takes first: blue." if channels == "BGR" else "",
        )
    return f"{feature}\n\n{draw(preprocessing, spec, names['draw'])}"
