"""A class per pixel: logits ``(N, classes, h, w)`` at the network's stride or resized, or a class map ``(N, H, W)``."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ca_deploy.data.masks import Mask, labelled_masks
from ca_deploy.records.prediction import FoundArea
from ca_deploy.records.signature import NetworkOutput, Signature
from ca_deploy.tasks import Head, Labels, Ran, Scoring, Seen, Task
from ca_deploy.tasks._class_map import UNSEEN, classes_in_photo
from ca_deploy.tasks._class_map_code import Pieces, classes_of_photo
from ca_deploy.tasks._class_map_kotlin import KOTLIN
from ca_deploy.tasks._class_map_python import functions, main
from ca_deploy.tasks._class_map_swift import SWIFT
from ca_deploy.tasks._mask_score import RIGHT_PERCENT, iou_score, pixel_pairs

if TYPE_CHECKING:
    from ca_deploy.tasks import Answers

# What torchvision's and Hugging Face's segmenters call them, beside auxiliary outputs that only training uses.
_NAMES = ("out", "logits")


def main_output(signature: Signature) -> NetworkOutput | None:
    """The output that has the classes of the pixels: the only one, or the one that has a usual name; None without."""
    if len(signature.outputs) == 1:
        return signature.outputs[0]
    return next((given for name in _NAMES for given in signature.outputs if given.name == name), None)


def class_maps(values: NDArray[np.float32]) -> NDArray[np.int64]:
    """The class of each pixel ``(N, h, w)``: of logits or probabilities ``(N, classes, h, w)``, the most probable.

    One channel is of two classes, a logit or, where no value leaves 0..1, a probability.
    """
    if values.ndim == 3:
        return values.astype(np.int64)
    if values.shape[1] > 1:
        found: NDArray[np.int64] = values.argmax(1)
        return found
    is_probability = values.min(initial=0) >= 0 and values.max(initial=0) <= 1
    return (values[:, 0] > (0.5 if is_probability else 0)).astype(np.int64)


def main_answer(answers: "Answers") -> NDArray[np.float32]:
    """The values of :func:`main_output`."""
    if len(answers) == 1:
        return next(iter(answers.values()))
    return next(answers[name] for name in _NAMES if name in answers)


def class_count(signature: Signature) -> int | None:
    """How many classes there are; None for a class map, which does not say."""
    given = main_output(signature)
    if given is None or len(given.shape) != 4:
        return None
    return max(2, given.shape[1])


def _unfit(signature: Signature) -> str:
    given = main_output(signature)
    if given is not None and given.shape[:1] == (1,):
        is_map = len(given.shape) == 3 and not given.dtype.startswith("float")
        if is_map or (len(given.shape) == 4 and given.dtype.startswith("float")):
            return ""
    found = ", ".join(f"{output.dtype} {output.shape}" for output in signature.outputs)
    return (
        "a segmenter gives one output (or one called out or logits beside others), floats (N, classes, height, width) "
        f"or integers (N, height, width), and the network gives {found}"
    )


def _likely(signature: Signature, labels: Labels) -> str:
    given, photo = main_output(signature), signature.photo
    if given is None or photo is None or _unfit(signature) or len(given.shape) != 4:
        return ""
    _, count, height, width = given.shape
    if abs(photo.height * width - photo.width * height) > max(photo.height, photo.width) or min(height, width) < 2:
        return ""
    if labels and len(labels) == class_count(signature):
        return f"it gives a map for each of the {len(labels)} labels"
    if given.name in _NAMES and count > 1:
        return f"its output {given.name} {given.shape} is read as one map per class"
    return ""


def _agrees(reference: "Answers", other: "Answers") -> NDArray[np.float64]:
    """The share of the pixels that have the same class."""
    one, two = class_maps(main_answer(reference)), class_maps(main_answer(other))
    share: NDArray[np.float64] = (one == two).mean((1, 2))
    return share


def _output(signature: Signature) -> str:
    given = main_output(signature)
    assert given is not None  # a segmenter has it
    if len(given.shape) == 3:
        return f"The class of each pixel, {given.shape[1]} x {given.shape[2]} (height x width)."
    return f"Logits, {given.shape[1]} per cell of {given.shape[2]} x {given.shape[3]} (height x width)."


def _python(signature: Signature) -> tuple[str, ...]:
    return main(signature.photo) if signature.photo is not None else ("print(run(preprocess(sys.argv[1])))",)


def _python_functions(signature: Signature) -> str:
    given, photo = main_output(signature), signature.photo
    return functions(given, photo) if given is not None and photo is not None else ""


def _code(pieces: Pieces, signature: Signature, ran: Ran) -> str:
    given, photo = main_output(signature), signature.photo
    return classes_of_photo(pieces, given, photo, ran) if given is not None and photo is not None else ""


def _bound(signature: Signature) -> Task:
    """The task with its scoring, which depends on how a photo becomes the input."""
    photo, given = signature.photo, main_output(signature)
    if photo is None or given is None:
        return TASK
    is_probability, classes = given.activation == "sigmoid", class_count(signature)

    def kept(answers: "Answers", mask: Mask, size: tuple[int, int]) -> NDArray[np.int64]:
        return pixel_pairs(classes_in_photo(main_answer(answers)[0], photo, size, is_probability), mask)

    layout = "images/ and masks/ under the same names, or a TOML that names them"
    return replace(
        TASK, scoring=Scoring(layout, lambda root, labels: labelled_masks(root, labels, classes), kept, iou_score)
    )


def _seen(answers: "Answers", signature: Signature, size: tuple[int, int], labels: Labels) -> Seen:
    given = main_output(signature)
    is_probability = given is not None and given.activation == "sigmoid"
    photo = signature.photo_or_refuse("Segmenting")
    classes = classes_in_photo(main_answer(answers)[0], photo, size, is_probability)
    numbers, counts = np.unique(classes[classes != UNSEEN], return_counts=True)
    found = [
        FoundArea(labels[number] if labels and 0 <= number < len(labels) else str(number), number, 100 * share)
        for number, share in zip(numbers.tolist(), (counts / counts.sum()).tolist(), strict=True)
    ]
    return Seen(areas=tuple(sorted(found, key=lambda area: -area.percent)), classes=classes)


TASK = Task(
    name="segmentation",
    description="a class per pixel, from logits (N, classes, height, width) or a class map (N, height, width)",
    likely=_likely,
    unfit=_unfit,
    headline="Segment a photo",
    output=_output,
    python=_python,
    python_functions=_python_functions,
    kotlin=lambda signature, ran: _code(KOTLIN, signature, ran),
    swift=lambda signature, ran: _code(SWIFT, signature, ran),
    class_name="Segmenter",
    output_name="logits",
    agreement_name="agreement of pixels",
    right_name=f"photos with {RIGHT_PERCENT} % of the pixels right",
    agrees=_agrees,
    like_scale=True,
    labels_hint="the background's too",
    class_count=class_count,
    bound=_bound,
    seen=_seen,
    heads={
        "logits": Head("logits at the network's stride, as it gives them: the smallest and fastest output"),
        "resized": Head(
            "logits resized to the input's height and width, bilinear with half-pixel centres",
            "ca_deploy.tasks._segmentation_heads:Resized",
        ),
        "argmax": Head(
            "the class of each pixel of the input, int32 (N, height, width)",
            "ca_deploy.tasks._segmentation_heads:ClassMap",
            output_name="classes",
        ),
    },
)
