"""Generated Swift draws a photo where Preprocessing puts it, by its grammar and by the text of what differs."""

from itertools import product

import pytest

from ca_deploy.records.preprocessing import Channels, Fit, Size
from tests.formats.inputs import CHANNELS, FITS, manifest_of, preprocessing, spec
from tests.hostile import snippet
from tests.syntax_trees import take_apart

WHITE = "context.setFillColor(CGColor(srgbRed: 1, green: 1, blue: 1, alpha: 1))"


def swift(fit: Fit, channels: Channels, picture: bool, size: Size = (24, 41), value_range: int = 1) -> str:
    """Without comments and strings; a picture is raw, and a tensor normalised."""
    resize = size if isinstance(size, int) else min(size)
    given = preprocessing(fit, channels, value_range, size, resize + 3)
    taken = spec(given, "uint8", "NHWC") if picture else spec(given, "float32", "NCHW")
    return take_apart("swift", snippet(manifest_of("coreml_float32", given, taken), ".swift"))[1]


@pytest.mark.parametrize(("fit", "channels", "picture"), product(FITS, CHANNELS, (False, True)))
def test_a_class_has_what_it_uses_and_nothing_else(fit: Fit, channels: Channels, picture: bool) -> None:
    code = swift(fit, channels, picture)
    assert ("import CoreVideo" in code, "CVPixelBuffer" in code) == (picture, picture)
    assert ("deviation" in code) == (not picture)
    assert ("func grey(" in code, "grey(pixels, " in code) == (channels == "grey", channels == "grey")
    assert ("interpolationQuality" in code) == (fit != "none")
    assert ("guard photo.width == 41, photo.height == 24" in code) == (fit == "none")
    assert code.index(WHITE) < code.index("context.fill(place)") < code.index("context.draw(")
    assert "width: 41, height: 24, bitsPerComponent" in code
    assert "$" not in code.replace("values[$0]", "")


def test_of_a_square_the_shorter_side_is_scaled() -> None:
    code = swift("crop", "RGB", False, 32)
    assert "let shorter = min(photo.width, photo.height)" in code
    assert "let width = photo.width * 35 / shorter" in code
    assert "let place = CGRect(x: -left, y: 32 + top - height, width: width, height: height)" in code
    assert "strip" not in code


def test_another_shape_is_covered_by_the_larger_factor() -> None:
    code = swift("crop", "RGB", False)
    assert "let byWidth = 46 * photo.height >= 27 * photo.width" in code
    assert "let width = byWidth ? 46 : photo.width * 27 / photo.height" in code
    assert "let height = byWidth ? photo.height * 46 / photo.width : 27" in code
    assert "y: 24 + top - height" in code


@pytest.mark.parametrize(("fit", "size"), [("letterbox", 32), ("crop", (2, 50))])
def test_of_a_strip_the_centre_is_kept_where_it_matters(fit: Fit, size: Size) -> None:
    code = swift(fit, "RGB", True, size)
    assert "let longest = 16 * min(photo.width, photo.height)" in code
    assert "context.draw(strip, in: place)" in code


def test_letterbox_is_centred_on_the_padding() -> None:
    code = swift("letterbox", "RGB", True)
    assert "let factor = min(41 / Double(strip.width), 24 / Double(strip.height))" in code
    assert "let left = (41 - width) / 2, top = (24 - height) / 2" in code
    padding = "context.setFillColor(CGColor(srgbRed: 10 / 255, green: 114 / 255, blue: 250 / 255, alpha: 1))"
    assert code.index(padding) < code.index("height: 24))\n        context.setFillColor") < code.index(WHITE)


@pytest.mark.parametrize(
    ("channels", "order", "byte"),
    [
        ("RGB", "noneSkipLast", "pixels[pixel * 4 + channel]"),
        ("BGR", "noneSkipLast", "pixels[pixel * 4 + 2 - channel]"),
        ("grey", "noneSkipLast", "grey(pixels, pixel)"),
        ("RGBA", "premultipliedLast", "pixels[pixel * 4 + channel]"),
    ],
)
def test_a_tensor_has_the_networks_channels(channels: Channels, order: str, byte: str) -> None:
    depth = {"grey": 1, "RGBA": 4}.get(channels, 3)
    for value_range, divided in ((1, " / 255"), (255, "")):
        code = swift("stretch", channels, False, value_range=value_range)
        assert f"bitmapInfo: CGImageAlphaInfo.{order}.rawValue\n" in code
        assert f"let value = Float({byte}){divided}\n" in code
        assert f"MLMultiArray(shape: [1, {depth}, 24, 41], dataType: .float32)" in code


@pytest.mark.parametrize(
    ("channels", "order", "pixel_format"),
    [
        ("RGB", "noneSkipFirst.rawValue | CGBitmapInfo.byteOrder32Little", "32BGRA"),
        ("BGR", "noneSkipLast", "32BGRA"),
        ("grey", "noneSkipLast", "OneComponent8"),
    ],
)
def test_a_picture_has_the_networks_channels(channels: Channels, order: str, pixel_format: str) -> None:
    code = swift("stretch", channels, True)
    assert f"bitmapInfo: CGImageAlphaInfo.{order}.rawValue\n" in code
    assert f"CVPixelBufferCreate(nil, 41, 24, kCVPixelFormatType_{pixel_format}, nil, &made)" in code
