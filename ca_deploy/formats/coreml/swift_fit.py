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
)
_CUT = (
    "let columns = Filter(from: photoWidth, to: width, first: left, count: $width)",
    "let rows = Filter(from: photoHeight, to: height, first: top, count: $height)",
    "return try scaled(photo, columns: columns, rows: rows)",
)
_INSIDE = (
    "let factor = min($width / Double(photoWidth), $height / Double(photoHeight))",
    "let width = max(1, Int((Double(photoWidth) * factor).rounded(.toNearestOrEven)))",
    "let height = max(1, Int((Double(photoHeight) * factor).rounded(.toNearestOrEven)))",
)
_PADDED = (
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


_PLACEMENT = Template("""\
/// Where a photo lies in the input: a place in it, times x or y and plus left or top, is one in the input.
private struct Placement {
    let x, y, left, top: Double
}

private func placement(_ photo: CGImage) -> Placement {
    $lines
}""")
_PLACED = (
    "let (x, y) = (Double(width) / Double(photoWidth), Double(height) / Double(photoHeight))",
    "let lostX = Double((photo.width - photoWidth) / 2) * x",
    "let lostY = Double((photo.height - photoHeight) / 2) * y",
)


def fitted(preprocessing: Preprocessing, name: str) -> str:
    """The function ``name``, which needs those of ``swift_photo``."""
    lines = {
        "crop": (*_KEPT, *_covering(preprocessing), *_CENTRE, *_CUT),
        "stretch": _STRETCH,
        "letterbox": (*_KEPT, *_INSIDE, *_PADDED),
        "none": _SAME,
    }[preprocessing.fit]
    return _FITTED.substitute(name=name, recipe=preprocessing.recipe_text, lines=_written(preprocessing, lines))


def placement(preprocessing: Preprocessing) -> str:
    """The function ``placement``, which does what :meth:`Preprocessing.placement` does for an image."""
    width = "Double($width) / Double(photo.width), y: Double($height) / Double(photo.height)"
    lines = {
        "crop": (
            *_KEPT,
            *_covering(preprocessing),
            *_CENTRE,
            *_PLACED,
            "return Placement(x: x, y: y, left: -Double(left) - lostX, top: -Double(top) - lostY)",
        ),
        "stretch": (f"return Placement(x: {width}, left: 0, top: 0)",),
        "letterbox": (
            *_KEPT,
            *_INSIDE,
            *_PLACED,
            "let (left, top) = (($width - width) / 2, ($height - height) / 2)",
            "return Placement(x: x, y: y, left: Double(left) - lostX, top: Double(top) - lostY)",
        ),
        "none": ("return Placement(x: 1, y: 1, left: 0, top: 0)",),
    }[preprocessing.fit]
    return _PLACEMENT.substitute(lines=_written(preprocessing, lines))


def _covering(preprocessing: Preprocessing) -> tuple[str, ...]:
    return _SQUARE if is_square_crop(preprocessing) else _COVER


def _written(preprocessing: Preprocessing, lines: tuple[str, ...]) -> str:
    cover_height, cover_width = preprocessing.covered
    red, green, blue = preprocessing.padding
    return Template("\n    ".join(lines)).substitute(
        height=preprocessing.height,
        width=preprocessing.width,
        resize=preprocessing.resize,
        cover_height=cover_height,
        cover_width=cover_width,
        red=red,
        green=green,
        blue=blue,
    )
