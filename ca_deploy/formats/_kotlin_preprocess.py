"""From a photo to a file's input, in Kotlin for Android: the geometry and the arithmetic of
:class:`~ca_deploy.records.preprocessing.Preprocessing` and ``Predictor.to_input``, as far as one file needs them."""

from collections.abc import Iterable
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._input import LIMITS, input_text, is_square_crop
from ca_deploy.formats._kotlin_photo import FILTER, GREY, OPAQUE, OPEN_PHOTO, SCALED
from ca_deploy.records.preprocessing import Channels, Preprocessing
from ca_deploy.records.tensors import TensorSpec

_PREPROCESS = Template("""/**
 * The network's input: $recipe.
 *
 * Gives $input_text. The photo is upright, as [openPhoto] gives it, and no
 * `Bitmap.Config.HARDWARE`. Its colours become sRGB.
 */
fun preprocess(bitmap: Bitmap): ByteBuffer {
    $fit
    val buffer = ByteBuffer.allocateDirect(WIDTH * HEIGHT * $bytes).order(ByteOrder.nativeOrder())
    $loop
    buffer.rewind()
    return buffer
}""")

_KEPT = (
    "val longest = 16 * minOf(bitmap.width, bitmap.height) // of a longer strip the centre is kept",
    "val photoWidth = minOf(bitmap.width, longest)",
    "val photoHeight = minOf(bitmap.height, longest)",
)
_SQUARE = (
    "val shorter = minOf(photoWidth, photoHeight)",
    "val width = photoWidth * RESIZE / shorter",
    "val height = photoHeight * RESIZE / shorter",
)
_COVER = (
    "val byWidth = COVER_WIDTH * photoHeight >= COVER_HEIGHT * photoWidth // the larger factor covers both sides",
    "val width = if (byWidth) COVER_WIDTH else photoWidth * COVER_HEIGHT / photoHeight",
    "val height = if (byWidth) photoHeight * COVER_WIDTH / photoWidth else COVER_HEIGHT",
)
_CENTRE = (
    "val left = round((width - WIDTH) / 2.0).toInt()",
    "val top = round((height - HEIGHT) / 2.0).toInt()",
)
_CUT = (
    "val pixels = scaled(bitmap, Filter(photoWidth, width, left, WIDTH), Filter(photoHeight, height, top, HEIGHT))",
)
_STRETCH = (
    "val pixels = scaled(bitmap, Filter(bitmap.width, WIDTH, 0, WIDTH), Filter(bitmap.height, HEIGHT, 0, HEIGHT))",
)
_INSIDE = (
    "val factor = minOf(WIDTH / photoWidth.toDouble(), HEIGHT / photoHeight.toDouble())",
    "val width = maxOf(1, round(photoWidth * factor).toInt())",
    "val height = maxOf(1, round(photoHeight * factor).toInt())",
)
_PADDED = (
    "val photo = scaled(bitmap, Filter(photoWidth, width, 0, width), Filter(photoHeight, height, 0, height))",
    "val pixels = IntArray(WIDTH * HEIGHT) { PADDING }",
    "for (row in 0 until height) {",
    "    val place = (row + (HEIGHT - height) / 2) * WIDTH + (WIDTH - width) / 2",
    "    photo.copyInto(pixels, place, row * width, (row + 1) * width)",
    "}",
)

_PLACEMENT = Template("""\
/** Where a photo lies in the input: a place in it, times x or y and plus left or top, is one in the input. */
private class Placement(val x: Double, val y: Double, val left: Double, val top: Double)

private fun placement(bitmap: Bitmap): Placement {
    $lines
}""")
_PLACED = (
    "val x = width / photoWidth.toDouble()",
    "val y = height / photoHeight.toDouble()",
    "val lostX = (bitmap.width - photoWidth) / 2 * x",
    "val lostY = (bitmap.height - photoHeight) / 2 * y",
)

_SHIFTS: dict[Channels, str] = {"RGB": "16, 8, 0", "BGR": "0, 8, 16", "RGBA": "16, 8, 0, 24"}


def imports(preprocessing: Preprocessing, spec: TensorSpec) -> tuple[str, ...]:
    """The classes and functions that :func:`preprocess` and its :func:`helpers` need."""
    rounds = preprocessing.fit in ("crop", "letterbox") or spec.scale is not None
    return (
        *(f"android.graphics.{name}" for name in ("Bitmap", "BitmapFactory", "Matrix")),
        *(["android.graphics.Color"] if preprocessing.fit == "letterbox" else []),
        "android.media.ExifInterface",
        "java.io.InputStream",
        "java.nio.ByteBuffer",
        "java.nio.ByteOrder",
        *(["kotlin.math.abs"] if preprocessing.fit != "none" else []),
        *(["kotlin.math.round"] if rounds else []),
    )


def constants(preprocessing: Preprocessing, spec: TensorSpec) -> str:
    """What :func:`preprocess` refers to, one declaration a line.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    numbers = {"HEIGHT": preprocessing.height, "WIDTH": preprocessing.width}
    if is_square_crop(preprocessing):
        numbers["RESIZE"] = preprocessing.resize
    elif preprocessing.fit == "crop":
        numbers["COVER_HEIGHT"], numbers["COVER_WIDTH"] = preprocessing.covered
    lines = [f"private const val {name} = {number}" for name, number in numbers.items()]
    if preprocessing.fit == "letterbox":
        lines.append("private val PADDING = Color.rgb({}, {}, {})".format(*preprocessing.padding))
    if preprocessing.channels != "grey":
        where = f"{_SHIFTS[preprocessing.channels]}) // where a pixel has {preprocessing.channels}"
        lines.append(f"private val SHIFTS = intArrayOf({where}")
    if spec.normalised:
        for name, values in (("MEAN", preprocessing.mean), ("STD", preprocessing.std)):
            written = ", ".join(f"{quoting.number(value)}f" for value in values)
            lines.append(f"private val {name} = floatArrayOf({written})")
    return "\n".join(lines)


def preprocess(preprocessing: Preprocessing, spec: TensorSpec) -> str:
    """The function ``preprocess``, which makes the tensor of ``spec`` of a bitmap; it needs :func:`helpers`.

    Raises:
        ArtifactError: the input's scale is not finite.
    """
    return _PREPROCESS.substitute(
        recipe=preprocessing.recipe_text,
        input_text=input_text(spec, preprocessing),
        fit="\n    ".join(_fitted(preprocessing)),
        bytes=f"{preprocessing.depth} * 4" if spec.dtype == "float32" else preprocessing.depth,
        loop=_loop(preprocessing, spec),
    )


def helpers(given: Iterable[Preprocessing]) -> list[str]:
    """The functions that those of :func:`preprocess` for these photos call, and the one that opens a photo for them."""
    photos = list(given)
    if not photos:
        return []
    scales, grey = any(one.fit != "none" for one in photos), any(one.channels == "grey" for one in photos)
    return [OPEN_PHOTO, OPAQUE, *([FILTER, SCALED] if scales else []), *([GREY] if grey else [])]


def placement(preprocessing: Preprocessing) -> str:
    """The function ``placement``, which does what :meth:`Preprocessing.placement` does for a bitmap."""
    lines = {
        "crop": (
            *_KEPT,
            *_covering(preprocessing),
            *_CENTRE,
            *_PLACED,
            "return Placement(x, y, -left - lostX, -top - lostY)",
        ),
        "stretch": ("return Placement(WIDTH / bitmap.width.toDouble(), HEIGHT / bitmap.height.toDouble(), 0.0, 0.0)",),
        "letterbox": (
            *_KEPT,
            *_INSIDE,
            *_PLACED,
            "return Placement(x, y, (WIDTH - width) / 2 - lostX, (HEIGHT - height) / 2 - lostY)",
        ),
        "none": ("return Placement(1.0, 1.0, 0.0, 0.0)",),
    }[preprocessing.fit]
    return _PLACEMENT.substitute(lines="\n    ".join(lines))


def _covering(preprocessing: Preprocessing) -> tuple[str, ...]:
    return _SQUARE if is_square_crop(preprocessing) else _COVER


def _fitted(preprocessing: Preprocessing) -> tuple[str, ...]:
    """Lines that make the ``pixels`` of the input of a bitmap."""
    size = f"{preprocessing.height} x {preprocessing.width} px (height x width)"
    return {
        "crop": (*_KEPT, *_covering(preprocessing), *_CENTRE, *_CUT),
        "stretch": _STRETCH,
        "letterbox": (*_KEPT, *_INSIDE, *_PADDED),
        "none": (
            f'require(bitmap.width == WIDTH && bitmap.height == HEIGHT) {{ "The photo has to be {size}." }}',
            "val pixels = opaque(bitmap, 0, 0, WIDTH, HEIGHT)",
        ),
    }[preprocessing.fit]


def _loop(preprocessing: Preprocessing, spec: TensorSpec) -> str:
    grey = preprocessing.channels == "grey"
    value, channel = ("grey(pixel)", "0") if grey else ("((pixel shr SHIFTS[c]) and 0xFF)", "c")
    scaled = f"{value} / 255f" if preprocessing.value_range == 1 else value
    real = f"({scaled} - MEAN[{channel}]) / STD[{channel}]"
    if not spec.normalised:
        put = f"buffer.put({value}.toByte())"
    elif spec.scale is None:
        put = f"buffer.putFloat({real})"
    else:
        lowest, highest = LIMITS[spec.dtype]
        quantised = f"round({real} / {quoting.number(spec.scale)}f) + {spec.zero_point}"
        put = f"buffer.put(({quantised}).coerceIn({lowest}f, {highest}f).toInt().toByte())"
    pixels, channels = "for (pixel in pixels)", "for (c in SHIFTS.indices)"
    if grey:
        return f"{pixels} {put}"
    return f"{channels} {pixels} {put}" if spec.layout == "NCHW" else f"{pixels} {channels} {put}"
