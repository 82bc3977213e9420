"""How a photo gets the size of a package's input, in Swift: the geometry of
:class:`~ca_deploy.records.preprocessing.Preprocessing`, as far as one package needs it."""

from string import Template

from ca_deploy.formats._input import is_square_crop
from ca_deploy.records.preprocessing import Preprocessing

_FITTED = Template("""/// R, G, B and A of each pixel: $recipe.
private func $name(_ photo: CGImage) throws -> [UInt8] {
    $lines
}""")

_KEPT = (
    "let longest = 16 * min(photo.width, photo.height)  // of a longer strip the centre is kept",
    "let (photoWidth, photoHeight) = (min(photo.width, longest), min(photo.height, longest))",
)
_SQUARE = (
    "let shorter = min(photoWidth, photoHeight)",
    "let (width, height) = (photoWidth * $resize / shorter, photoHeight * $resize / shorter)",
)
_COVER = (
    "// The larger of the two factors covers both sides.",
    "let byWidth = $cover_width * photoHeight >= $cover_height * photoWidth",
    "let width = byWidth ? $cover_width : photoWidth * $cover_height / photoHeight",
    "let height = byWidth ? photoHeight * $cover_width / photoWidth : $cover_height",
)
_CENTRE = (
    "let left = Int((Double(width - $width) / 2).rounded(.toNearestOrEven))",
    "let top = Int((Double(height - $height) / 2).rounded(.toNearestOrEven))",
    "let columns = Filter(from: photoWidth, to: width, first: left, count: $width)",
    "let rows = Filter(from: photoHeight, to: height, first: top, count: $height)",
    "return try scaled(photo, columns: columns, rows: rows)",
)
_LETTERBOX = (
    "let factor = min($width / Double(photoWidth), $height / Double(photoHeight))",
    "let width = max(1, Int((Double(photoWidth) * factor).rounded(.toNearestOrEven)))",
    "let height = max(1, Int((Double(photoHeight) * factor).rounded(.toNearestOrEven)))",
    "let columns = Filter(from: photoWidth, to: width, first: 0, count: width)",
    "let rows = Filter(from: photoHeight, to: height, first: 0, count: height)",
    "let inner = try scaled(photo, columns: columns, rows: rows)",
    "let padding: [UInt8] = [$red, $green, $blue, 255]",
    "var pixels = (0..<(4 * $height * $width)).map { padding[$$0 % 4] }",
    "for row in 0..<height {",
    "    let place = 4 * ((row + ($height - height) / 2) * $width + ($width - width) / 2)",
    "    let line = inner[(4 * row * width)..<(4 * (row + 1) * width)]",
    "    pixels.replaceSubrange(place..<(place + 4 * width), with: line)",
    "}",
    "return pixels",
)
_STRETCH = (
    "let columns = Filter(from: photo.width, to: $width, first: 0, count: $width)",
    "let rows = Filter(from: photo.height, to: $height, first: 0, count: $height)",
    "return try scaled(photo, columns: columns, rows: rows)",
)
_SAME = (
    "guard photo.width == $width, photo.height == $height else { throw CocoaError(.featureUnsupported) }",
    "return try pixels(of: photo)",
)


def fitted(preprocessing: Preprocessing, name: str) -> str:
    """The function ``name``, which needs those of ``swift_photo``."""
    cover_height, cover_width = preprocessing.covered
    red, green, blue = preprocessing.padding
    lines = {
        "crop": (*_KEPT, *(_SQUARE if is_square_crop(preprocessing) else _COVER), *_CENTRE),
        "stretch": _STRETCH,
        "letterbox": (*_KEPT, *_LETTERBOX),
        "none": _SAME,
    }[preprocessing.fit]
    code = Template("\n    ".join(lines)).substitute(
        height=preprocessing.height,
        width=preprocessing.width,
        resize=preprocessing.resize,
        cover_height=cover_height,
        cover_width=cover_width,
        red=red,
        green=green,
        blue=blue,
    )
    return _FITTED.substitute(name=name, recipe=preprocessing.recipe_text, lines=code)
