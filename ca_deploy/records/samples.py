"""What a network is calibrated and compared on: arrays by the name of the input."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ca_deploy.progress import Progress, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of every input, each array ``(N, …)``: photos are uint8 ``(N, H, W, C)``, cropped but not normalised.

    ``sha256`` has one digest per sample, and ``names`` what the set calls it, or nothing. ``progress`` is called by
    :meth:`batches`.
    """

    arrays: "Mapping[str, NDArray[Any]]"
    sha256: tuple[str, ...]
    names: tuple[str, ...] = ()
    progress: Progress = field(default=silent, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.sha256)

    def without(self, seen: Collection[str]) -> "Samples":
        """The samples whose digests are not among ``seen``."""
        known = set(seen)
        return self.rows([number for number, digest in enumerate(self.sha256) if digest not in known])

    @property
    def digests_by_name(self) -> dict[str, str]:
        """The sha256 of each sample by its name, or by its number."""
        return dict(zip(self.names or map(str, range(len(self))), self.sha256, strict=True))

    def first(self, count: int) -> "Samples":
        """The first samples, at most ``count``."""
        return self.rows(list(range(min(count, len(self)))))

    def batches(self, size: int = 1) -> "Iterator[dict[str, NDArray[Any]]]":
        """The samples in groups of ``size``; the last group repeats its last sample where it has fewer."""
        for start in range(0, len(self), size):
            rows = [min(start + offset, len(self) - 1) for offset in range(size)]
            yield {name: array[rows] for name, array in self.arrays.items()}
            self.progress(min(start + size, len(self)), len(self))

    def watched(self, progress: Progress) -> "Samples":
        """The same samples; ``progress`` is called with (done, total) as they are used in batches."""
        return replace(self, progress=progress)

    def rows(self, rows: list[int]) -> "Samples":
        """The samples at these places."""
        return Samples(
            {name: array[rows] for name, array in self.arrays.items()},
            tuple(self.sha256[row] for row in rows),
            tuple(self.names[row] for row in rows) if self.names else (),
        )
