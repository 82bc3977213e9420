"""Python code that does what :mod:`ca_deploy.tasks._class_map` does, with numpy alone; for generated scripts."""

from string import Template

from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.signature import NetworkOutput
from ca_deploy.tasks._placement_python import placement

_BETWEEN = '''
def between(values: np.ndarray, at: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation along an axis at places where cell i has its centre at i + 0.5."""
    last = values.shape[axis] - 1
    place = np.clip(at - 0.5, 0, last)
    first = np.minimum(place.astype(int), max(last - 1, 0))
    share = np.expand_dims((place - first).astype(np.float32), [other for other in range(3) if other != axis])
    low, high = np.take(values, first, axis), np.take(values, np.minimum(first + 1, last), axis)
    return low + share * (high - low)

'''
_CLASSES = Template('''
def classes_in_photo(outputs, size, scale, start) -> np.ndarray:
    """The class of each pixel of a photo of that size, -1 where it was cut off; times the scale, from the start, it is
    the input. All are width and height, or x and y.
    """
    values = outputs[$name][0] if isinstance(outputs, dict) else outputs
    columns = ((np.arange(size[0]) + 0.5) * scale[0] + start[0]) * $width / $input_width
    rows = ((np.arange(size[1]) + 0.5) * scale[1] + start[1]) * $height / $input_height
    seen = ((rows >= 0) & (rows < $height))[:, None] & ((columns >= 0) & (columns < $width))
    $classes
    return np.where(seen, classes, -1)
''')
_SCORES = """lines = (between(between(values, rows[[row]], 1), columns, 2)[:, 0] for row in range(size[1]))
    classes = np.stack([$class for line in lines])"""
_NEAREST = """y, x = np.floor(rows).astype(int), np.floor(columns).astype(int)
    classes = values[y.clip(0, $height - 1)][:, x.clip(0, $width - 1)].astype(int)"""


def functions(given: NetworkOutput, photo: Preprocessing) -> str:
    """The function ``classes_in_photo``, which takes what ``run`` returns, and what it calls."""
    height, width = given.shape[-2:]
    chosen, between = _NEAREST, ""
    if len(given.shape) == 4:
        alone = f"(line[0] > {0.5 if given.activation == 'sigmoid' else 0.0}).astype(int)"
        chosen, between = _SCORES.replace("$class", alone if given.shape[1] == 1 else "line.argmax(0)"), _BETWEEN
    filled = {"height": height, "width": width, "input_height": photo.height, "input_width": photo.width}
    chosen = Template(chosen).substitute(filled)
    return between + _CLASSES.substitute(filled, name=repr(given.name), classes=chosen)


def main(photo: Preprocessing) -> tuple[str, ...]:
    """Lines that print what share of a photo's pixels each class has."""
    return (
        "size = np.array(open_rgb(sys.argv[1]).size)",
        *placement(photo),
        "classes = classes_in_photo(run(preprocess(sys.argv[1])), size, scale, start)",
        "for number, count in zip(*np.unique(classes[classes >= 0], return_counts=True)):",
        '    print(f"{count / (classes >= 0).sum():6.1%}  {LABELS[number] if LABELS else number}")',
    )
