"""Python code that says where a photo lies in the input; for generated scripts."""

from ca_deploy.records.preprocessing import STEEPEST, Preprocessing


def placement(photo: Preprocessing) -> tuple[str, ...]:
    """Lines that compute what :meth:`Preprocessing.placement` does, of ``size``."""
    sides = f"[{photo.width}, {photo.height}]"
    if photo.fit in ("stretch", "none"):
        return (f"scale, start = {sides} / size, (0, 0)",)
    if photo.fit == "letterbox":
        lines: tuple[str, ...] = (
            f"inner = np.maximum(1, np.rint(kept * min({sides} / kept)))",
            f"start = ({sides} - inner) // 2",
        )
    else:
        height, width = photo.covered
        lines = (
            f"cover = [{width}, {height}]",
            "longer = 0 if cover[0] * kept[1] >= cover[1] * kept[0] else 1  # the larger factor covers both sides",
            "inner = kept * cover[longer] // kept[longer]",
            f"start = -np.rint((inner - {sides}) / 2)",
        )
    return (
        f"kept = np.minimum(size, {STEEPEST} * min(size))  # of a strip, its centre",
        *lines,
        "scale = inner / kept",
        "start = start - (size - kept) // 2 * scale",
    )
