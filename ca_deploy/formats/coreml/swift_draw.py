"""How a photo is drawn into a package's input, in Swift: the geometry of
:class:`~ca_deploy.records.preprocessing.Preprocessing`, as far as one package needs it.

Core Graphics has its own filter: where a photo is scaled, its colours may be a few levels off.
"""

from string import Template

from ca_deploy.formats._input import cuts_strips, is_square_crop
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.tensors import TensorSpec

_DRAW = Template("""    /// Draws $recipe.
    /// A pixel has the bytes $order.
    private func $name(_ photo: CGImage, into pixels: UnsafeMutableRawPointer, bytesPerRow: Int) throws {
        $fit
        guard let sRGB = CGColorSpace(name: CGColorSpace.sRGB), let context = CGContext(
            data: pixels, width: $width, height: $height, bitsPerComponent: 8, bytesPerRow: bytesPerRow, space: sRGB,
            bitmapInfo: $bitmap_info
        ) else {
            throw CocoaError(.featureUnsupported)
        }
        $draw
    }""")

_STRIP = (
    "let longest = 16 * min(photo.width, photo.height)  // of a longer strip the centre is kept",
    "let kept = (width: min(photo.width, longest), height: min(photo.height, longest))",
    "let (x, y) = ((photo.width - kept.width) / 2, (photo.height - kept.height) / 2)",
    "guard let strip = photo.cropping(to: CGRect(x: x, y: y, width: kept.width, height: kept.height)) else {",
    "    throw CocoaError(.featureUnsupported)",
    "}",
)
_SQUARE = (
    "let shorter = min($photo.width, $photo.height)",
    "let width = $photo.width * $resize / shorter",
    "let height = $photo.height * $resize / shorter",
)
_COVER = (
    "// The larger of the two factors covers both sides.",
    "let byWidth = $cover_width * $photo.height >= $cover_height * $photo.width",
    "let width = byWidth ? $cover_width : $photo.width * $cover_height / $photo.height",
    "let height = byWidth ? $photo.height * $cover_width / $photo.width : $cover_height",
)
_CENTRE = (
    "let left = Int((Double(width - $width) / 2).rounded(.toNearestOrEven))",
    "let top = Int((Double(height - $height) / 2).rounded(.toNearestOrEven))",
    "let place = CGRect(x: -left, y: $height + top - height, width: width, height: height)  // y runs upwards",
)
_LETTERBOX = (
    "let factor = min($width / Double($photo.width), $height / Double($photo.height))",
    "let width = max(1, Int((Double($photo.width) * factor).rounded(.toNearestOrEven)))",
    "let height = max(1, Int((Double($photo.height) * factor).rounded(.toNearestOrEven)))",
    "let left = ($width - width) / 2, top = ($height - height) / 2",
    "let place = CGRect(x: left, y: $height - top - height, width: width, height: height)  // y runs upwards",
)
_WHOLE = ("let place = CGRect(x: 0, y: 0, width: $width, height: $height)",)
_SAME = ("guard photo.width == $width, photo.height == $height else { throw CocoaError(.featureUnsupported) }", *_WHOLE)

_PADDED = (
    "context.setFillColor(CGColor(srgbRed: $red / 255, green: $green / 255, blue: $blue / 255, alpha: 1))",
    "context.fill(CGRect(x: 0, y: 0, width: $width, height: $height))",
)
_ON_WHITE = (
    "context.setFillColor(CGColor(srgbRed: 1, green: 1, blue: 1, alpha: 1))  // behind transparent pixels",
    "context.fill(place)",
    "context.draw($photo, in: place)",
)

_BGRA = "CGImageAlphaInfo.noneSkipFirst.rawValue | CGBitmapInfo.byteOrder32Little.rawValue"
_RGBA = "CGImageAlphaInfo.noneSkipLast.rawValue"
_OPAQUE_RGBA = "CGImageAlphaInfo.premultipliedLast.rawValue"


def draw(preprocessing: Preprocessing, spec: TensorSpec, name: str) -> str:
    """The method ``name``: a photo into memory of ``height`` rows of four bytes a pixel."""
    cover_height, cover_width = preprocessing.covered
    red, green, blue = preprocessing.padding
    values: dict[str, object] = {
        "photo": "strip" if cuts_strips(preprocessing) else "photo",
        "height": preprocessing.height,
        "width": preprocessing.width,
        "resize": preprocessing.resize,
        "cover_height": cover_height,
        "cover_width": cover_width,
        "red": red,
        "green": green,
        "blue": blue,
    }

    def lines(*texts: str) -> str:
        return "\n        ".join(Template(text).substitute(values) for text in texts)

    place = {
        "crop": (*(_SQUARE if is_square_crop(preprocessing) else _COVER), *_CENTRE),
        "stretch": _WHOLE,
        "letterbox": _LETTERBOX,
        "none": _SAME,
    }[preprocessing.fit]
    quality = () if preprocessing.fit == "none" else ("context.interpolationQuality = .high",)
    padded = _PADDED if preprocessing.fit == "letterbox" else ()
    bitmap_info, order = _pixel(preprocessing, spec)
    return _DRAW.substitute(
        values,
        name=name,
        recipe=preprocessing.recipe_text,
        order=order,
        bitmap_info=bitmap_info,
        fit=lines(*(_STRIP if cuts_strips(preprocessing) else ()), *place),
        draw=lines(*quality, *padded, *_ON_WHITE),
    )


def _pixel(preprocessing: Preprocessing, spec: TensorSpec) -> tuple[str, str]:
    """The constant that sets a pixel's bytes, and those bytes in words.

    A picture of a BGR network has red and blue exchanged: the package declares RGB, and takes blue first.
    """
    if not spec.normalised and preprocessing.channels in ("RGB", "RGBA"):
        return _BGRA, "B, G, R and one unused"
    if spec.normalised and preprocessing.channels == "RGBA":
        return _OPAQUE_RGBA, "R, G, B and A"
    return _RGBA, "R, G, B and one unused"
