"""Classes of an image: an output ``(N, classes)``, of which one is right, or (``sigmoid``) each on its own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ca_deploy.errors import ImageDataError
from ca_deploy.records.prediction import FoundLabel
from ca_deploy.records.signature import Signature
from ca_deploy.tasks import Labels, Score, Seen, Task
from ca_deploy.tasks._class_of_photo import class_of_photo, score_of

if TYPE_CHECKING:
    from ca_deploy.tasks import Answers


_SHOWN = 5  # classes


def _unfit(signature: Signature) -> str:
    outputs = signature.outputs
    if len(outputs) == 1 and len(outputs[0].shape) == 2 and outputs[0].dtype.startswith("float"):
        return ""
    found = ", ".join(f"{output.dtype} {output.shape}" for output in outputs)
    return f"a classifier gives one output of floats (N, classes), and the network gives {found}"


def _likely(signature: Signature, labels: Labels) -> str:
    if _unfit(signature):
        return ""
    output = signature.outputs[0]
    count = output.shape[1]
    if labels and count == len(labels):
        return f"it gives one number for each of the {count} labels"
    if labels and (count, len(labels)) == (1, 2):
        return "it gives one number, and there are two labels"
    if output.activation in ("sigmoid", "softmax"):
        return f"it ends in {output.activation} over {count} values"
    return f"{output.shape} is read as one number per class" if output.activation == "none" and count > 1 else ""


def _variant(signature: Signature) -> str:
    """One number, or numbers after a sigmoid, are probabilities on their own."""
    output = signature.outputs[0]
    return "sigmoid" if output.shape[1] == 1 or output.activation == "sigmoid" else ""


def _agrees(reference: "Answers", other: "Answers") -> NDArray[np.float64]:
    """Where the most probable class is the same."""
    (one,), (two,) = reference.values(), other.values()
    return np.asarray(one.argmax(1) == two.argmax(1), np.float64)


def _score(answers: "Answers", truth: NDArray[np.int64], labels: Sequence[str]) -> Score:
    """Top-1 and top-5 accuracy."""
    (logits,) = answers.values()
    if logits.ndim != 2 or logits.shape[1] != len(labels):
        raise _other_classes(logits, labels)
    classes = logits.argmax(1)
    right = classes == truth
    top5 = right | (np.argsort(-logits, axis=1)[:, :5] == truth[:, None]).any(
        1
    )  # of equal logits, sorting may take others
    return score_of(
        right, {"top1": float(100 * right.mean()), "top5": float(100 * top5.mean())}, truth, labels, classes
    )


def _present(values: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which classes are likelier than not: probabilities above 0.5; logits, which leave 0..1, above 0."""
    probabilities = values.min() >= 0 and values.max() <= 1
    return values > (0.5 if probabilities else 0)


def _decisions_agree(reference: "Answers", other: "Answers") -> NDArray[np.float64]:
    """The share of yes-or-no decisions that are the same."""
    (one,), (two,) = reference.values(), other.values()
    both = _present(np.stack([one, two]))
    share: NDArray[np.float64] = (both[0] == both[1]).mean(1)
    return share


def _score_alone(answers: "Answers", truth: NDArray[np.int64], labels: Sequence[str]) -> Score:
    """Of one number, the accuracy of its two classes; of several, that of the most probable class."""
    (values,) = answers.values()
    if values.shape[1] > 1:
        return _score(answers, truth, labels)
    if len(labels) != 2:
        raise _other_classes(values, labels)
    classes = _present(values)[:, 0].astype(np.int64)
    right = classes == truth
    return score_of(right, {"top1": float(100 * right.mean())}, truth, labels, classes)


def _other_classes(values: NDArray[np.float32], labels: Sequence[str]) -> ImageDataError:
    return ImageDataError(
        f"The model returns {values.shape[1:]} per image, but there are {len(labels)} classes. Pass the model's "
        "class names, in its order, with --labels."
    )


_PRINT = '    print(f"{shares[number]:6.1%}  {LABELS[number] if LABELS else number}")'


def _python(signature: Signature) -> tuple[str, ...]:
    if signature.outputs[0].activation == "softmax":
        return (
            "shares = run(preprocess(sys.argv[1]))",
            "for number in np.argsort(-shares)[:5]:",
            _PRINT,
        )
    return (
        "logits = run(preprocess(sys.argv[1]))",
        "shares = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()",
        "for number in np.argsort(-logits)[:5]:",
        _PRINT,
    )


def _python_alone(signature: Signature) -> tuple[str, ...]:
    output = signature.outputs[0]
    values = "run(preprocess(sys.argv[1]))"
    shares = values if output.activation in ("sigmoid", "softmax") else f"1 / (1 + np.exp(-{values}))"
    if output.shape[1] == 1:
        return f"(share,) = {shares}", """print(f"{share:6.1%}  {LABELS[1] if LABELS else 'yes'}")"""
    return f"shares = {shares}", "for number in np.argsort(-shares)[:5]:", _PRINT


def _output(signature: Signature) -> str:
    made = {"none": "Logits", "softmax": "Probabilities", "sigmoid": "Probabilities"}
    return f"{made.get(signature.outputs[0].activation, 'Values')}, one per class."


def _labelled(probabilities: NDArray[np.float32], names: Sequence[str]) -> Seen:
    best = np.argsort(-probabilities)[:_SHOWN]
    return Seen(tuple(FoundLabel(names[number], float(probabilities[number])) for number in best))


def _names(labels: Labels, count: int) -> Sequence[str]:
    return labels if labels and len(labels) == count else [str(number) for number in range(count)]


def _seen(answers: "Answers", signature: Signature, size: tuple[int, int], labels: Labels) -> Seen:
    (values,) = next(iter(answers.values()))[:1]
    if signature.outputs[0].activation != "softmax":
        powers = np.exp(values - values.max())
        values = powers / powers.sum()
    return _labelled(values, _names(labels, len(values)))


def _seen_alone(answers: "Answers", signature: Signature, size: tuple[int, int], labels: Labels) -> Seen:
    """Each class on its own; of one number, the second of two classes."""
    (values,) = next(iter(answers.values()))[:1]
    if signature.outputs[0].activation == "none":
        values = 1 / (1 + np.exp(-values))
    if len(values) == 1:
        names = labels if labels and len(labels) == 2 else ("no", "yes")
        return _labelled(np.array([1 - values[0], values[0]], np.float32), names)
    return _labelled(values, _names(labels, len(values)))


_SIGMOID = Task(
    name="classification:sigmoid",
    description="classes that are each present or not, from (N, classes) or one number",
    likely=lambda signature, labels: "",
    unfit=_unfit,
    headline="Classify a photo",
    output=_output,
    python=_python_alone,
    class_name="Classifier",
    output_name="logits",
    agreement_name="agreement of decisions",
    right_name="top-1",
    agrees=_decisions_agree,
    like_scale=True,
    scoring=class_of_photo(_score_alone),
    seen=_seen_alone,
)

TASK = replace(
    _SIGMOID,
    name="classification",
    description="one class per image, from logits (N, classes)",
    likely=_likely,
    python=_python,
    agreement_name="top-1 agreement",
    agrees=_agrees,
    scoring=class_of_photo(_score),
    seen=_seen,
    one_class=True,
    variants={"sigmoid": _SIGMOID},
    variant=_variant,
)
