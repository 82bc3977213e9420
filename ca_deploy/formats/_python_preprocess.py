"""From a photo to a file's input, in Python: the code of :class:`~ca_deploy.records.preprocessing.Preprocessing` and of
``Predictor.to_input``, as far as one file needs it."""

from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._input import LIMITS, input_text, is_square_crop
from ca_deploy.records.preprocessing import Channels, Preprocessing
from ca_deploy.records.tensors import TensorSpec

OPEN_RGB = '''def open_rgb(photo: str) -> Image.Image:
    """Upright (EXIF), in 8-bit RGB; transparent pixels are blended with white."""
    image = ImageOps.exif_transpose(Image.open(photo))
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits or more: Pillow would clip at 255
        values = np.asarray(image, np.float64)
        white = 65535
        if image.mode in "IF" and values.max() <= 255:
            white = 1 if image.mode == "F" and values.max() <= 1 else 255
        image = Image.fromarray((values / white * 255).clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")
'''

_PREPROCESS = Template('''def $name(photo: str) -> np.ndarray:
    """The network's input: $recipe.

    $input_text.
    """
    $lines
    return pixels[None]
''')

_STRIP = (
    "longest = 16 * min(image.size)",
    "if max(image.size) > longest:  # a strip, of which the centre is kept",
    "    width, height = (min(side, longest) for side in image.size)",
    "    left, top = (image.width - width) // 2, (image.height - height) // 2",
    "    image = image.crop((left, top, left + width, top + height))",
)
_SQUARE = (
    *_STRIP,
    "shorter = min(image.size)",
    "image = image.resize([side * RESIZE // shorter for side in image.size], Image.Resampling.BILINEAR)",
    "left, top = round((image.width - CROP) / 2), round((image.height - CROP) / 2)",
    "image = image.crop((left, top, left + CROP, top + CROP))",
)
_FITS = {
    "crop": (
        *_STRIP,
        "by_width = COVER_WIDTH * image.height >= COVER_HEIGHT * image.width  # the larger factor covers both sides",
        "scale, whole = (COVER_WIDTH, image.width) if by_width else (COVER_HEIGHT, image.height)",
        "image = image.resize([side * scale // whole for side in image.size], Image.Resampling.BILINEAR)",
        "left, top = round((image.width - WIDTH) / 2), round((image.height - HEIGHT) / 2)",
        "image = image.crop((left, top, left + WIDTH, top + HEIGHT))",
    ),
    "stretch": ("image = image.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR)",),
    "letterbox": (
        *_STRIP,
        "factor = min(WIDTH / image.width, HEIGHT / image.height)",
        "inner = [max(1, round(side * factor)) for side in image.size]",
        "scaled = image.resize(inner, Image.Resampling.BILINEAR)",
        'image = Image.new("RGB", (WIDTH, HEIGHT), PADDING)',
        "image.paste(scaled, ((WIDTH - inner[0]) // 2, (HEIGHT - inner[1]) // 2))",
    ),
    "none": (
        "if image.size != (WIDTH, HEIGHT):",
        '    raise ValueError(f"The photo is {image.height} x {image.width} px, and has to be {HEIGHT} x {WIDTH} px.")',
    ),
}
_CHANNELS: dict[Channels, str] = {
    "RGB": "np.asarray(image)",
    "BGR": "np.asarray(image)[..., ::-1]",
    "grey": 'np.asarray(image.convert("L"))[..., None]',
    "RGBA": 'np.asarray(image.convert("RGBA"))',
}


def constants(preprocessing: Preprocessing, spec: TensorSpec) -> str:
    """The numbers that :func:`preprocess` refers to, one assignment a line.

    Raises:
        ArtifactError: mean or std is not finite.
    """
    height, width = preprocessing.height, preprocessing.width
    lines = [f"HEIGHT, WIDTH = {height}, {width}"]
    if is_square_crop(preprocessing):
        lines = [f"RESIZE, CROP = {preprocessing.resize}, {height}"]
    elif preprocessing.fit == "crop":
        lines.append("COVER_HEIGHT, COVER_WIDTH = {}, {}".format(*preprocessing.covered))
    elif preprocessing.fit == "letterbox":
        lines.append(f"PADDING = {tuple(preprocessing.padding)}")
    if spec.normalised:
        for name, values in (("MEAN", preprocessing.mean), ("STD", preprocessing.std)):
            lines.append(f"{name} = np.array([{', '.join(map(quoting.number, values))}], np.float32)")
    return "\n".join(lines)


def preprocess(preprocessing: Preprocessing, spec: TensorSpec, name: str = "preprocess", before: str = "") -> str:
    """A function that makes the tensor of ``spec`` of a photo's path; it needs :data:`OPEN_RGB` and :func:`constants`.

    ``before`` are lines at its start, where the constants are its own.

    Raises:
        ArtifactError: the input's scale is not finite.
    """
    steps = []
    if spec.normalised:
        value = "pixels.astype(np.float32) / 255" if preprocessing.value_range == 1 else "pixels.astype(np.float32)"
        steps.append(f"pixels = ({value} - MEAN) / STD")
    if spec.normalised and spec.scale is not None:
        steps.append(f"pixels = {quantised('pixels', spec)}")
    if spec.layout == "NCHW":
        steps.append("pixels = np.moveaxis(pixels, -1, 0)")
    steps.append(f"pixels = np.ascontiguousarray(pixels, np.{spec.dtype})")
    lines = (
        *before.splitlines(),
        "image = open_rgb(photo)",
        *(_SQUARE if is_square_crop(preprocessing) else _FITS[preprocessing.fit]),
        f"pixels = {_CHANNELS[preprocessing.channels]}",
        *steps,
    )
    return _PREPROCESS.substitute(
        name=name,
        recipe=preprocessing.recipe_text,
        input_text=input_text(spec, preprocessing),
        lines="\n    ".join(lines),
    )


def quantised(values: str, spec: TensorSpec) -> str:
    """Real numbers in float32 as the file's integers, not yet of its type.

    Raises:
        ArtifactError: the scale is not finite.
    """
    lowest, highest = LIMITS[spec.dtype]
    rounded = f"np.rint({values} / {quoting.number(spec.scale or 1)}) + {spec.zero_point}"
    return f"np.clip({rounded}, {lowest}, {highest})"


def dequantised(values: str, spec: TensorSpec) -> str:
    """An output of the file as real numbers in float32.

    Raises:
        ArtifactError: the scale is not finite.
    """
    if spec.scale is None:
        return f"{values}.astype(np.float32)"
    return f"({values}.astype(np.float32) - {spec.zero_point}) * {quoting.number(spec.scale)}"
