"""Damages of a Coordinate Attention block, the first of the network."""

from tests.evaluation.damages.editable import Arithmetic, Editable, Handle, Place
from tests.evaluation.damages.setting import Setting, blended


def gate_saturated(file: Editable, strength: float, setting: Setting) -> None:
    """The gates per row are 1."""
    blended(file, file.gates["conv_h"], lambda on, x: on.apply("max", x, 1.0), strength)


def gates_stuck(file: Editable, strength: float, setting: Setting) -> None:
    """All gates are 0.5, whatever the photo."""
    for place in file.gates.values():
        blended(file, place, lambda on, x: on.apply("min", on.apply("max", x, 0.5), 0.5), strength)


def gates_swapped(file: Editable, strength: float, setting: Setting) -> None:
    """Rows are gated by what the columns are meant for, and the reverse."""
    gates = file.gates
    for place, other in ((gates["conv_h"], gates["conv_w"]), (gates["conv_w"], gates["conv_h"])):
        order = list(range(4))
        row, column = place.axis("H"), place.axis("W")
        order[row], order[column] = column, row

        def turned(on: Arithmetic, x: Handle, other: Place = other, order: list[int] = order) -> Handle:
            return on.apply("permute", on.read(other), order=order)

        blended(file, place, turned, strength)


def gates_in_few_values(file: Editable, strength: float, setting: Setting) -> None:
    """Both gates, in steps of up to 1."""
    for place in file.gates.values():
        file.change(place, lambda on, x: on.in_steps(x, strength))


def relu_for_hard_swish(file: Editable, strength: float, setting: Setting) -> None:
    before, after = file.squeezed
    blended(file, after, lambda on, x: on.apply("max", on.read(before), 0.0), strength)
