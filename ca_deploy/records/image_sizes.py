"""The sizes of the image that an exported file takes, where it takes several."""

from ca_deploy.records.record import record

Size2d = tuple[int, int]  # height and width in pixels


def size_text(size: Size2d) -> str:
    """``224x320``: height, then width."""
    return f"{size[0]}x{size[1]}"


@record
class ImageSizes:
    """The sizes, height and width in pixels, of the image that a file takes.

    ``own`` is the network's own size. ``enumerated``: these and no others, the own one first. Without them, height and
    width may differ from the own ones by any multiples of ``step``. ``verified`` are those, beside the own one, at
    which the file was compared with PyTorch.
    """

    own: Size2d
    enumerated: tuple[Size2d, ...] = ()
    step: int = 1
    verified: tuple[Size2d, ...] = ()

    @property
    def text(self) -> str:
        """A sentence for the manifest."""
        if self.enumerated:
            taken = f"It takes images of {' or '.join(map(size_text, self.enumerated))} px (height x width)"
        elif self.step == 1:
            taken = "It takes images of any height and width"
        elif self.own[0] % self.step == 0 == self.own[1] % self.step:
            taken = f"It takes images whose height and width are multiples of {self.step}"
        else:
            by = f"differ from {size_text(self.own)} px by multiples of {self.step}"
            taken = f"It takes images whose height and width {by}"
        return f"{taken}; parity was also measured at {' and '.join(map(size_text, self.verified))} px."
