"""How many images of a set are held out for parity, and how many are left for calibration."""

from ca_deploy.errors import ImageDataError

USUAL_HELD_OUT = 128
FEWEST_HELD_OUT = 32  # a verdict on fewer says too little
FEWEST_TO_CALIBRATE = 8


def held_out_of(total: int, usual: int, asked: int | None, what: str) -> int:
    """How many of ``total`` images are held out: ``usual`` where as many are left, otherwise half.

    At least 32 are where that leaves 8 to calibrate on. ``asked`` is a number that the user insists on; errors call the
    images ``what``.

    Raises:
        ImageDataError: there are too few for ``asked``.
    """
    if asked is not None:
        most = total - FEWEST_TO_CALIBRATE
        if asked > most:
            raise ImageDataError(
                f"{total} {what} are too few to hold {asked} out: {FEWEST_TO_CALIBRATE} have to be left to calibrate "
                f"on. Give {asked + FEWEST_TO_CALIBRATE} or more"
                + (f", or --held-out {most} at most." if most >= FEWEST_HELD_OUT else ".")
            )
        return asked
    if total >= 2 * usual:
        return usual
    half = total // 2
    return min(usual, max(half, FEWEST_HELD_OUT)) if total >= FEWEST_HELD_OUT + FEWEST_TO_CALIBRATE else half


def too_few_note(held_out: int, total: int, usual: int, what: str) -> str:
    """Says how many more are needed for a verdict; "" where there are enough."""
    if held_out >= FEWEST_HELD_OUT:
        return ""
    if usual < FEWEST_HELD_OUT:
        return f"The set holds out {held_out} {what}, and parity needs {FEWEST_HELD_OUT}: raise its held_out."
    return (
        f"Of the {total} {what}, {held_out} are held out, too few for a verdict on parity, which needs "
        f"{FEWEST_HELD_OUT}. Give {FEWEST_HELD_OUT + FEWEST_TO_CALIBRATE} or more; {2 * usual} for the usual {usual}."
    )
