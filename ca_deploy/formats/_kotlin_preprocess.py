"""From a photo to a file's input, in Kotlin for Android: the geometry and the arithmetic of
:class:`~ca_deploy.records.preprocessing.Preprocessing` and ``Predictor.to_input``, as far as one file needs them.

Android has its own bilinear filter: where a photo is scaled, its colours may be a few levels off.
"""

from collections.abc import Iterable
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._input import LIMITS, cuts_strips, input_text, is_square_crop
from ca_deploy.records.preprocessing import Channels, Preprocessing
from ca_deploy.records.tensors import TensorSpec

_PREPROCESS = Template("""/**
 * The network's input: $recipe.
 *
 * Gives $input_text. The photo has to be upright.
 */
fun preprocess(bitmap: Bitmap): ByteBuffer {
    $fit
    val input = Bitmap.createBitmap(WIDTH, HEIGHT, Bitmap.Config.ARGB_8888)
    val canvas = Canvas(input)
    $draw
    val pixels = IntArray(WIDTH * HEIGHT)
    input.getPixels(pixels, 0, WIDTH, 0, 0, WIDTH, HEIGHT)
    val buffer = ByteBuffer.allocateDirect(WIDTH * HEIGHT * $bytes).order(ByteOrder.nativeOrder())
    $loop
    buffer.rewind()
    return buffer
}""")

_HALVED = """/** Halves a photo of twice its later size or more: Android's filter looks at four pixels only. */
private fun halved(bitmap: Bitmap, place: Rect): Bitmap {
    var photo = bitmap
    while (photo.width >= 2 * place.width() || photo.height >= 2 * place.height()) {
        val width = maxOf(photo.width / 2, minOf(photo.width, place.width()))
        val height = maxOf(photo.height / 2, minOf(photo.height, place.height()))
        photo = Bitmap.createScaledBitmap(photo, width, height, true)
    }
    return photo
}"""
_GREY = """/** Brightness of a pixel, 0..255 (ITU-R 601). */
private fun grey(pixel: Int): Int =
    (19595 * Color.red(pixel) + 38470 * Color.green(pixel) + 7471 * Color.blue(pixel) + 0x8000) shr 16"""

_STRIP = (
    "val longest = 16 * minOf(bitmap.width, bitmap.height) // of a longer strip the centre is kept",
    "val kept = Rect(0, 0, minOf(bitmap.width, longest), minOf(bitmap.height, longest))",
    "kept.offset((bitmap.width - kept.width()) / 2, (bitmap.height - kept.height()) / 2)",
    "val photo = Bitmap.createBitmap(bitmap, kept.left, kept.top, kept.width(), kept.height())",
)
_SQUARE = (
    "val shorter = minOf($photo.width, $photo.height)",
    "val width = $photo.width * RESIZE / shorter",
    "val height = $photo.height * RESIZE / shorter",
)
_COVER = (
    "val byWidth = COVER_WIDTH * $photo.height >= COVER_HEIGHT * $photo.width // the larger factor covers both sides",
    "val width = if (byWidth) COVER_WIDTH else $photo.width * COVER_HEIGHT / $photo.height",
    "val height = if (byWidth) $photo.height * COVER_WIDTH / $photo.width else COVER_HEIGHT",
)
_CENTRE = (
    "val left = round((width - WIDTH) / 2.0).toInt()",
    "val top = round((height - HEIGHT) / 2.0).toInt()",
    "val place = Rect(-left, -top, width - left, height - top)",
)
_LETTERBOX = (
    "val factor = minOf(WIDTH / $photo.width.toDouble(), HEIGHT / $photo.height.toDouble())",
    "val width = maxOf(1, round($photo.width * factor).toInt())",
    "val height = maxOf(1, round($photo.height * factor).toInt())",
    "val left = (WIDTH - width) / 2",
    "val top = (HEIGHT - height) / 2",
    "val place = Rect(left, top, left + width, top + height)",
)
_WHITE = ("canvas.drawColor(Color.WHITE) // behind transparent pixels",)
_PADDED = (
    "canvas.drawColor(PADDING)",
    "canvas.drawRect(place, Paint().apply { color = Color.WHITE }) // behind transparent pixels",
)
_DRAW = "canvas.drawBitmap(halved($photo, place), null, place, Paint(Paint.FILTER_BITMAP_FLAG))"

_SHIFTS: dict[Channels, str] = {"RGB": "16, 8, 0", "BGR": "0, 8, 16", "RGBA": "16, 8, 0, 24"}


def imports(preprocessing: Preprocessing, spec: TensorSpec) -> tuple[str, ...]:
    """The classes and functions that :func:`preprocess` needs."""
    graphics = ["Bitmap", "Canvas", "Color", "Rect", *(["Paint"] if preprocessing.fit != "none" else [])]
    rounds = preprocessing.fit in ("crop", "letterbox") or spec.scale is not None
    functions = ["kotlin.math.round"] if rounds else []
    return (*(f"android.graphics.{name}" for name in graphics), "java.nio.ByteBuffer", "java.nio.ByteOrder", *functions)


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
    fit, draw = _placed(preprocessing)
    return _PREPROCESS.substitute(
        recipe=preprocessing.recipe_text,
        input_text=input_text(spec, preprocessing),
        fit="\n    ".join(fit),
        draw="\n    ".join(draw),
        bytes=f"{preprocessing.depth} * 4" if spec.dtype == "float32" else preprocessing.depth,
        loop=_loop(preprocessing, spec),
    )


def helpers(given: Iterable[Preprocessing]) -> list[str]:
    """The functions that those of :func:`preprocess` for these photos call."""
    photos = list(given)
    scales, grey = any(one.fit != "none" for one in photos), any(one.channels == "grey" for one in photos)
    return [*([_HALVED] if scales else []), *([_GREY] if grey else [])]


def _placed(preprocessing: Preprocessing) -> tuple[list[str], list[str]]:
    """Lines that find the place of the photo on the canvas, and lines that draw it there."""
    if preprocessing.fit == "none":
        size = f"{preprocessing.height} x {preprocessing.width} px (height x width)"
        check = f'require(bitmap.width == WIDTH && bitmap.height == HEIGHT) {{ "The photo has to be {size}." }}'
        return [check], [*_WHITE, "canvas.drawBitmap(bitmap, null, Rect(0, 0, WIDTH, HEIGHT), null)"]
    place = {
        "crop": (*(_SQUARE if is_square_crop(preprocessing) else _COVER), *_CENTRE),
        "stretch": ("val place = Rect(0, 0, WIDTH, HEIGHT)",),
        "letterbox": _LETTERBOX,
    }[preprocessing.fit]
    background = _PADDED if preprocessing.fit == "letterbox" else _WHITE
    cuts = cuts_strips(preprocessing)
    photo = "photo" if cuts else "bitmap"
    fit, draw = ([Template(line).substitute(photo=photo) for line in lines] for lines in (place, (*background, _DRAW)))
    return [*(_STRIP if cuts else ()), *fit], draw


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
