"""The number of classes that a checkpoint was trained for: the one with which the network's keys and shapes fit it."""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from itertools import islice

from torch import Tensor, nn

from ca_deploy.errors import CheckpointError, ModelError
from ca_deploy.networks.candidates import unusable_form
from ca_deploy.networks.checkpoint import Checkpoint
from ca_deploy.networks.fit import Fit, Target

_MOST_TRIES = 8
_USUAL = 1000  # ImageNet's, for a factory whose default is no number


def build_to_fit(
    build: Callable[[int], nn.Module],
    asked: int | None,
    default: object,
    checkpoint: Checkpoint,
    new: Collection[str] = (),
) -> nn.Module:
    """The network with ``asked`` classes; without that, with as many as make it fit, or else come closest.

    The factory's ``default`` and the number of labels in the checkpoint are tried first. Modules called as in ``new``
    are not in the checkpoint.

    Raises:
        CheckpointError: another number than ``asked`` fits.
        ModelError: the factory fails.
    """
    start = default if isinstance(default, int) and default > 0 else _USUAL
    if asked is not None:
        first = [asked]
    else:
        labels = len(checkpoint.metadata.get("labels") or ())
        first = [labels, start] if labels else [start]
    tried: list[tuple[nn.Module, Fit]] = []
    for count in first:
        network = build(count)
        fit = _closest(network, checkpoint, new)
        if fit.complete:
            return network
        tried.append((network, fit))
    for count in _plausible(build, first[-1], *tried[-1]):
        try:
            network = build(count)
        except ModelError:  # a number that the factory does not take is not the one
            continue
        fit = _closest(network, checkpoint, new)
        if fit.complete and asked is None:
            return network
        if fit.complete:
            raise CheckpointError(
                f"Checkpoint {checkpoint.path} has {count} classes, but --num-classes {asked} was given. "
                "Drop --num-classes, or pass the checkpoint that was trained for it."
            )
        tried.append((network, fit))
    return tried[0][0] if asked is not None else max(tried, key=lambda one: one[1].matching)[0]


def _closest(network: nn.Module, checkpoint: Checkpoint, new: Collection[str]) -> Fit:
    return max(checkpoint.fits(Target.of(network, new)), key=lambda fit: (fit.complete, fit.matching))


def _plausible(build: Callable[[int], nn.Module], count: int, network: nn.Module, fit: Fit) -> Iterator[int]:
    """Numbers of classes that tensors of the wrong shape may have been made with; each once, not too many.

    The sides of a tensor grow linearly with the number of classes, in a classifier as in a detector with ``3 * (5 +
    classes)`` channels: a network with one class more says how fast. Then the numbers of rows, for a special case.
    """
    wrong = {key: found for key, found, _ in fit.misshapen if _is_whole(fit.state[key])}
    if not wrong:
        return

    def proposed() -> Iterator[int]:
        with suppress(ModelError):
            one_more = Target.of(build(count + 1)).shapes
            shapes = Target.of(network).shapes
            for key, found in wrong.items():
                for side, other, held in zip(shapes[key], one_more.get(key, ()), found, strict=False):
                    if other != side and (held - side) % (other - side) == 0:
                        yield count + (held - side) // (other - side)
        yield from (found[0] for found in wrong.values() if found)

    numbers = dict.fromkeys(number for number in proposed() if number > 0 and number != count)
    yield from islice(numbers, _MOST_TRIES)


def _is_whole(value: Tensor) -> bool:
    """Whether the file has as many numbers as the shape says: an expanded tensor can claim any size."""
    return unusable_form(value) is None and value.untyped_storage().nbytes() >= value.nbytes
