"""Code in Kotlin or Swift that does what :mod:`ca_deploy.tasks._class_map` does: what it is put together of."""

from dataclasses import dataclass
from string import Template

from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.signature import NetworkOutput
from ca_deploy.tasks import Ran


@dataclass(frozen=True, slots=True)
class Pieces:
    """Declarations in one language: the extension ``segment`` of the class and what it calls, for scores of each class
    and for a class map. ``lowest`` is below every score; ``suffix`` ends a literal of a score."""

    scores: Template
    classes: Template
    lowest: str
    suffix: str


def classes_of_photo(pieces: Pieces, given: NetworkOutput, photo: Preprocessing, ran: Ran) -> str:
    """The code for one output, ``(1, classes, h, w)`` or ``(1, h, w)``."""
    height, width = given.shape[-2:]
    filled = {
        "call": ran.call,
        "values": ran.values[given.name],
        "height": height,
        "width": width,
        "input_height": photo.height,
        "input_width": photo.width,
    }
    if len(given.shape) == 3:
        return pieces.classes.substitute(filled)
    lowest, number = pieces.lowest, "number"
    if given.shape[1] == 1:  # of two classes, the score of the second
        lowest, number = f"{0.5 if given.activation == 'sigmoid' else 0.0}{pieces.suffix}", "number + 1"
    return pieces.scores.substitute(filled, channels=given.shape[1], lowest=lowest, number=number)
