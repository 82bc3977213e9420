"""What a package takes, made of a photo in Swift: the arithmetic of
:class:`~ca_deploy.records.preprocessing.Preprocessing`, as far as one package needs it.

The bytes of a picture are written into its pixel buffer, so that nothing converts their colours on the way.
"""

from collections.abc import Iterable
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats.coreml.swift_fit import fitted
from ca_deploy.formats.coreml.swift_photo import FILTER, GREY, OPEN_PHOTO, PIXELS, SCALED
from ca_deploy.records.preprocessing import Channels, Preprocessing
from ca_deploy.records.tensors import TensorSpec

_TENSOR = Template("""/// The network's input, $channels ($depth, $height, $width): ($scaled - mean) / deviation.
private func tensor$suffix(_ photo: CGImage) throws -> [Float] {
    let mean: [Float] = [$mean]
    let deviation: [Float] = [$std]
    let pixels = try fitted$suffix(photo)
    var tensor: [Float] = []
    tensor.reserveCapacity($depth * $height * $width)
    for channel in 0..<$depth {
        for pixel in 0..<($height * $width) {
            let value = Float($byte)$divided
            tensor.append((value - mean[channel]) / deviation[channel])
        }
    }
    return tensor
}""")

_PICTURE = Template("""/// The network's input, a picture; normalisation is inside the model.$remark
private func picture$suffix(_ photo: CGImage) throws -> CVPixelBuffer {
    $bytes
    var made: CVPixelBuffer?
    CVPixelBufferCreate(nil, $width, $height, $pixel_format, nil, &made)
    guard let picture = made else { throw CocoaError(.featureUnsupported) }
    CVPixelBufferLockBaseAddress(picture, [])
    defer { CVPixelBufferUnlockBaseAddress(picture, []) }
    guard let start = CVPixelBufferGetBaseAddress(picture) else { throw CocoaError(.featureUnsupported) }
    for row in 0..<$height {
        let from = row * $row_bytes
        let line = start + row * CVPixelBufferGetBytesPerRow(picture)
        UnsafeMutableRawBufferPointer(start: line, count: $row_bytes).copyBytes(from: bytes[from..<(from + $row_bytes)])
    }
    return picture
}""")

_VALUES: dict[Channels, str] = {
    "RGB": "pixels[4 * pixel + channel]",
    "BGR": "pixels[4 * pixel + 2 - channel]",
    "grey": "grey(pixels, pixel)",
    "RGBA": "pixels[4 * pixel + channel]",
}
# A picture has B, G, R and A. That of a BGR network has red and blue exchanged: the package declares RGB.
_EXCHANGED = """var bytes = try fitted$suffix(photo)
    for blue in stride(from: 0, to: bytes.count, by: 4) { bytes.swapAt(blue, blue + 2) }"""
_BYTES: dict[Channels, str] = {
    "RGB": _EXCHANGED,
    "BGR": "let bytes = try fitted$suffix(photo)",
    "grey": """let pixels = try fitted$suffix(photo)
    let bytes: [UInt8] = (0..<($height * $width)).map { grey(pixels, $$0) }""",
    "RGBA": _EXCHANGED,
}


def preprocess(preprocessing: Preprocessing, spec: TensorSpec, suffix: str = "") -> str:
    """The function ``tensor`` or ``picture``, which makes the input of ``spec`` of a photo, and ``fitted``, which it
    calls; they need :func:`helpers`. A ``suffix`` of both names tells functions for several inputs apart.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    channels, grey = preprocessing.channels, preprocessing.channels == "grey"
    size = {"height": preprocessing.height, "width": preprocessing.width, "suffix": suffix}
    if spec.normalised:
        divided = " / 255" if preprocessing.value_range == 1 else ""
        made = _TENSOR.substitute(
            size,
            channels=channels,
            depth=preprocessing.depth,
            byte=_VALUES[channels],
            divided=divided,
            scaled=f"value{divided}",
            mean=", ".join(map(quoting.number, preprocessing.mean)),
            std=", ".join(map(quoting.number, preprocessing.std)),
        )
    else:
        made = _PICTURE.substitute(
            size,
            bytes=Template(_BYTES[channels]).substitute(size),
            pixel_format="kCVPixelFormatType_OneComponent8" if grey else "kCVPixelFormatType_32BGRA",
            row_bytes=preprocessing.width * (1 if grey else 4),
            remark=" Its red is what the network takes first: blue." if channels == "BGR" else "",
        )
    return f"{made}\n\n{fitted(preprocessing, f'fitted{suffix}')}"


def helpers(given: Iterable[Preprocessing]) -> list[str]:
    """The functions that those of :func:`preprocess` for these photos call, and the one that opens a photo for them."""
    photos = list(given)
    if not photos:
        return []
    scales, grey = any(one.fit != "none" for one in photos), any(one.channels == "grey" for one in photos)
    return [OPEN_PHOTO, PIXELS, *([FILTER, SCALED] if scales else []), *([GREY] if grey else [])]


def feature(preprocessing: Preprocessing, spec: TensorSpec, photo: str, suffix: str = "") -> str:
    """An expression for what Core ML takes of ``photo``, the name of one photo; it needs ``swift.FEATURE``."""
    if spec.normalised:
        return f"feature(tensor{suffix}({photo}), {list(spec.shape)})"
    return f"MLFeatureValue(pixelBuffer: picture{suffix}({photo}))"
