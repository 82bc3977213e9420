"""Which weights of a checkpoint are loaded: the ones that fit, and a sentence about them."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ca_deploy.errors import CheckpointError
from ca_deploy.models.key_layout import NATIVE
from ca_deploy.networks.candidates import unusable_form
from ca_deploy.networks.fit import Fit, is_bookkeeping


def choose(fits: Sequence[Fit], path: Path) -> tuple[Fit, str | None]:
    """The fit to load, complete unless there is no such, and a sentence about it if the file left a choice.

    Equal copies in different entries count as one. Of several, that in an entry for EMA weights is taken (as timm does)
    if it is the only such. Two prefixes of one dictionary are two networks, and no name says which is meant, even
    while they are equal.

    Raises:
        CheckpointError: several weights fit, or their values cannot be loaded.
    """
    # The closest, if none is complete: its tensors may not even be numbers.
    closest = [fit for fit in fits if fit.complete] or [max(fits, key=lambda fit: fit.matching)]
    loadable = [fit for fit in closest if _unusable(fit) is None]
    if not loadable:
        key, form = _unusable(closest[0]) or ("", "")
        raise CheckpointError(
            f"Checkpoint {path} stores {key} {form}. Save ordinary float tensors: load the weights, fill or "
            "convert them (to_dense(), dequantize()), and save the state_dict() again."
        )
    if not loadable[0].complete:
        return loadable[0], None
    several: list[Fit] = []
    for fit in loadable:
        if not any(fit.candidate is not other.candidate and _equal(fit, other) for other in several):
            several.append(fit)
    averaged = [fit for fit in several if fit.candidate.is_ema]
    if len(several) > 1 and len(averaged) != 1:
        names = [fit.name for fit in several]
        raise CheckpointError(
            f"Checkpoint {path} contains {len(names)} sets of weights that fit: {_listed(names, 8)}. Choose one with "
            f"--weights-key, for instance --weights-key {shlex.quote(names[0])}."
        )
    chosen = averaged[0] if len(several) > 1 else several[0]
    return chosen, _sentence(chosen, [fit.name for fit in several if fit is not chosen])


def named(fits: Sequence[Fit], wanted: str, path: Path) -> list[Fit]:
    """The fits with the name ``wanted`` (``--weights-key``) or inside it; else those with it as a part of theirs.

    Raises:
        CheckpointError: there is none; names those that there are.
    """

    def inside(name: str) -> bool:
        return name == wanted or name.startswith(f"{wanted}.")

    found = [fit for fit in fits if inside(fit.name)]
    found = found or [fit for fit in fits if f".{wanted}." in f".{fit.name}."]
    if not found:
        names = [fit.name for fit in sorted(fits, key=lambda fit: not fit.complete)]
        raise CheckpointError(
            f"Checkpoint {path} has no weights under {wanted!r} (--weights-key). It has them under: "
            f"{_listed(names, 8)} ('.' is the whole file)."
        )
    return found


def _unusable(fit: Fit) -> tuple[str, str] | None:
    """The first key whose values cannot be loaded, and why; None if there is none."""
    return next(((key, form) for key, value in fit.state.items() if (form := unusable_form(value))), None)


def _equal(one: Fit, other: Fit) -> bool:
    """Whether both give the network the same weights; their batch counters may differ."""
    return all(_same(value, other.state[key]) for key, value in one.state.items() if not is_bookkeeping(key))


def _same(one: Tensor, other: Tensor) -> bool:
    if one is other:
        return True
    if one.dtype != other.dtype:
        one, other = one.float(), other.float()
    return torch.equal(torch.nan_to_num(one), torch.nan_to_num(other))  # NaN is unequal to itself


def _sentence(fit: Fit, others: Sequence[str]) -> str | None:
    entries = ".".join(fit.candidate.entries)
    if fit.candidate.is_ema:
        instead = f" instead of {_listed(others, 3)} (--weights-key chooses)" if others else ""
        parts = [f"EMA weights from {entries}{instead}"]
    else:
        parts = [f"weights from {entries}"] if entries else []
    if fit.prefix:
        parts.append(f"prefix {fit.prefix!r} removed")
    if fit.candidate.unwrapped:
        parts.append(f"{' and '.join(map(repr, fit.candidate.unwrapped))} taken out of its keys")
    if fit.layout != NATIVE:
        parts.append(f"key names of {fit.layout.name}")
    if fit.ignored:
        names = sorted({key.rpartition(".")[2] for key in fit.ignored})
        parts.append(f"ignored {', '.join(names)} ({_entries(len(fit.ignored))})")
    if fit.left_out:
        names = sorted({key.partition(".")[0] for key in fit.left_out})
        parts.append(f"left out {_listed(names, 3)} ({_entries(len(fit.left_out))})")
    sentence = ", ".join(parts)
    return f"{sentence[0].upper()}{sentence[1:]}" if sentence else None


def _entries(count: int) -> str:
    return "1 entry" if count == 1 else f"{count} entries"


def _listed(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
