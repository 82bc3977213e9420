"""How a candidate fits a network: by keys and shapes, with and without every prefix, under every key layout."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ca_deploy.models.key_layout import NATIVE, KeyLayout
from ca_deploy.networks.candidates import Candidate

# Counters of profilers (thop), batch norm and weight averaging (torch.optim.swa_utils): inference needs none of them.
BOOKKEEPING = frozenset({"total_ops", "total_params", "num_batches_tracked", "n_averaged"})
_DEEPEST_PREFIX = 8  # in names between dots; those in use have up to three
_MOST_COPIES = 64  # so that a file of very many small layers does not take the square of their number


def is_bookkeeping(key: str) -> bool:
    return key.rpartition(".")[2] in BOOKKEEPING


@dataclass(frozen=True, slots=True)
class Target:
    """What a network needs: the shapes of its parameters and buffers by key, and the key layouts that it knows.

    Keys that ``is_new`` is true of are neither needed nor loaded.
    """

    name: str
    shapes: Mapping[str, torch.Size]
    layouts: Sequence[KeyLayout]
    is_new: Callable[[str], bool]

    @classmethod
    def of(cls, network: nn.Module, new: Collection[str] = ()) -> "Target":
        """What ``network`` needs besides the modules called as in ``new``: ``attention`` anywhere, ``features.18``."""

        def is_new(key: str) -> bool:
            return any(f".{name}." in f".{key}." for name in new)

        held = network.state_dict().items()
        shapes = {key: value.shape for key, value in held if isinstance(value, Tensor) and not is_new(key)}
        layouts = (NATIVE, *getattr(network, "foreign_layouts", ()))
        return cls(type(network).__name__, shapes, layouts, is_new)

    @property
    def needed(self) -> set[str]:
        """Batch counters are for training only, and files from before PyTorch 0.4.1 lack them."""
        return {key for key in self.shapes if not key.endswith("num_batches_tracked")}


@dataclass(frozen=True, slots=True)
class Fit:
    """A candidate's tensors under the network's keys, and what is wrong with them; complete if nothing is.

    ``ignored`` are bookkeeping keys of the file, ``left_out`` its keys without ``prefix``; ``matching`` counts the
    network's keys that the file has in the right shape, and ``own`` are all of the network's.
    """

    candidate: Candidate
    prefix: str
    layout: KeyLayout
    state: Mapping[str, Tensor]
    ignored: tuple[str, ...]
    left_out: tuple[str, ...]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[tuple[str, tuple[int, ...], tuple[int, ...]], ...]
    matching: int
    own: frozenset[str]

    @property
    def complete(self) -> bool:
        return bool(self.matching) and not (self.missing or self.unexpected or self.misshapen)

    @property
    def name(self) -> str:
        """For ``--weights-key``: the entries and the prefix, joined by dots; ``.`` is the whole file."""
        return ".".join((*self.candidate.entries, *filter(None, [self.prefix.rstrip(".")]))) or "."

    def mismatch(self, most: int = 6) -> list[str]:
        """Missing, unexpected and misshapen keys, ``most`` of each, as indented lines."""
        shapes = [f"{key}: the file has {found}, the network {own}" for key, found, own in self.misshapen]
        kinds = {"missing": self.missing, "unexpected": self.unexpected, "wrong shape": shapes}
        lines = []
        for title, keys in kinds.items():
            if keys:
                more = [f"… and {len(keys) - most} more"] if len(keys) > most else []
                lines += [f"  {title} ({len(keys)}):", *(f"    {line}" for line in (*keys[:most], *more))]
        return lines


def fits_of(candidate: Candidate, target: Target) -> list[Fit]:
    """The candidate without and with prefixes, each under its closest layout: those with half of the needed keys.

    One at least, the closest. Where the keys fit as they are, no prefix is tried: a network's own is never removed.
    """
    needed = len(target.needed)
    best: dict[str, tuple[tuple[int, int], KeyLayout]] = {}
    for layout in target.layouts:
        named, shaped = _hits(candidate, target, layout)
        for prefix in ("", *named):
            rank = shaped[prefix], named[prefix]
            if prefix not in best or rank > best[prefix][0]:
                best[prefix] = rank, layout
        if best[""][0][0] == needed:
            fit = _fit(candidate, target, best[""][1], "")
            if fit.complete:
                return [fit]
    ranked = sorted(best, key=lambda prefix: (best[prefix][0], not prefix), reverse=True)
    near = [prefix for prefix in ranked[:_MOST_COPIES] if 2 * best[prefix][0][1] >= needed > 0]
    return [_fit(candidate, target, best[prefix][1], prefix) for prefix in sorted(near or ranked[:1])]


def _hits(candidate: Candidate, target: Target, layout: KeyLayout) -> tuple[Counter[str], Counter[str]]:
    """Per prefix, how many of the candidate's keys are needed, and how many of these have the right shape."""
    named, shaped = Counter[str](), Counter[str]()
    needed = target.needed
    for key, value in candidate.tensors.items():
        for prefix in _prefixes(key):
            own = layout.translate(key[len(prefix) :])
            if own in needed:
                named[prefix] += 1
                shaped[prefix] += target.shapes[own] == _shape(value)
    return named, shaped


def _prefixes(key: str) -> Iterator[str]:
    end = 0
    for _ in range(_DEEPEST_PREFIX):
        yield key[:end]
        end = key.find(".", end) + 1
        if not end:
            return


def _fit(candidate: Candidate, target: Target, layout: KeyLayout, prefix: str) -> Fit:
    state: dict[str, Tensor] = {}
    ignored: list[str] = []
    left_out: list[str] = []
    for key, value in candidate.tensors.items():
        if not key.startswith(prefix):
            (ignored if key in BOOKKEEPING else left_out).append(key)
            continue
        own = layout.translate(key[len(prefix) :])
        if is_bookkeeping(own) and target.shapes.get(own) != _shape(value):
            ignored.append(key)
        elif not target.is_new(own):
            state[own] = value
    shapes = target.shapes
    misshapen = [
        (key, tuple(_shape(state[key])), tuple(shapes[key]))
        for key in sorted(shapes.keys() & state.keys())
        if shapes[key] != _shape(state[key])
    ]
    return Fit(
        candidate,
        prefix,
        layout,
        state,
        tuple(ignored),
        tuple(left_out),
        missing=tuple(sorted(target.needed - state.keys())),
        unexpected=tuple(sorted(state.keys() - shapes.keys())),
        misshapen=tuple(misshapen),
        matching=len(target.needed & state.keys()) - len(misshapen),
        own=frozenset(shapes),
    )


def _shape(value: Tensor) -> torch.Size:
    return torch.Size() if value.is_nested else value.shape
