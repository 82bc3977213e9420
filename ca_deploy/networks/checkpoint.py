"""Checkpoints: read them without running code, load the weights that fit, and write the native format."""

import json
import pickle
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from ca_deploy.errors import CheckpointError, shown, wrong_in_file
from ca_deploy.files import sha256_of
from ca_deploy.networks import checkpoint_metadata, safe_pickle, weights_file
from ca_deploy.networks.candidates import Candidate, candidates_in, without_wrappers
from ca_deploy.networks.choice import choose, named
from ca_deploy.networks.fit import Fit, Target, fits_of
from ca_deploy.networks.foreign_file import refused_foreign
from ca_deploy.networks.mismatch import remedy
from ca_deploy.networks.refused_file import refused_archive, refused_pickle
from ca_deploy.networks.shards import INDEX, read_shards, refused_shard, shards_of

_METADATA_KEY = "ca_deploy"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A file that was read: every dictionary of tensors in it, with metadata.

    ``metadata`` is what :func:`save_checkpoint` stored: labels, preprocessing, width. ``wanted`` names the weights to
    load where several fit (``--weights-key``).
    """

    path: Path
    sha256: str
    candidates: tuple[Candidate, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    wanted: str | None = None

    def fits(self, target: Target) -> list[Fit]:
        """How each candidate fits a network, among those with the wanted name; several per candidate by prefix.

        Raises:
            CheckpointError: no weights have that name.
        """
        fits = [fit for candidate in self.candidates for fit in fits_of(candidate, target)]
        if not any(fit.complete for fit in fits):
            plain = [without_wrappers(candidate, target.shapes) for candidate in self.candidates]
            fits += [fit for candidate in plain if candidate for fit in fits_of(candidate, target) if fit.complete]
        return fits if self.wanted is None else named(fits, self.wanted, self.path)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was loaded: the name of the key layout, and a sentence about the choice if the file left one."""

    layout: str
    note: str | None


def read_checkpoint(path: Path, wanted: str | None = None) -> Checkpoint:
    """Read ``.safetensors``, or a ``torch.save`` file without running code from it, or the files of an ``.index.json``.

    Raises:
        CheckpointError: missing, empty, truncated, without weights, or with Python objects that are code.
    """
    weights_file.check_place(path)
    if path.name.endswith(INDEX):
        together, sha256 = read_shards(shards_of(path), lambda shard: _read(shard)[0])
        return Checkpoint(path, sha256, candidates_in(together, path), {}, wanted)
    refused = refused_shard(path) or refused_foreign(path)
    if refused is not None:
        raise refused
    content, metadata = _read(path)
    return Checkpoint(path, sha256_of(path), candidates_in(content, path), metadata, wanted)


def load_weights(network: nn.Module, checkpoint: Checkpoint) -> Loaded:
    """Load all weights of ``network`` strictly, from the candidate that fits.

    Foreign key layouts come from the network's class attribute ``foreign_layouts``.

    Raises:
        CheckpointError: lists all missing and unexpected keys and wrong shapes; or see
            :func:`~ca_deploy.networks.choice.choose`.
    """
    target = Target.of(network)
    fit, note = choose(checkpoint.fits(target), checkpoint.path)
    if not fit.complete:
        where = "" if fit.name == "." else f", from {fit.name}"
        raise CheckpointError(
            f"Checkpoint {checkpoint.path} does not fit {target.name} (read as the {fit.layout.name} layout{where}):",
            *fit.mismatch(),
            *remedy(fit, checkpoint.path),
        )
    _copy(network, fit, checkpoint.path)
    return Loaded(fit.layout.name, note)


def load_backbone(
    network: nn.Module, checkpoint: Checkpoint, new: tuple[str, ...] = ("attention", "classifier")
) -> Loaded:
    """Load all weights except those of the modules named in ``new``, which stay as they are.

    All others must match exactly. Training starts this way from an ImageNet MobileNetV2 without attention.

    Raises:
        CheckpointError: as :func:`load_weights` does.
    """
    target = Target.of(network, new)
    fit, note = choose(checkpoint.fits(target), checkpoint.path)
    if not fit.complete:
        raise CheckpointError(
            f"Backbone {checkpoint.path} does not fit {target.name}:",
            *fit.mismatch(),
            "It has to be the same network without attention, or the classifier that a detector or segmenter is built "
            "on: check the model's name and --width.",
        )
    _copy(network, fit, checkpoint.path)
    return Loaded(fit.layout.name, note)


def _copy(network: nn.Module, fit: Fit, path: Path) -> None:
    """Load weights that are complete, unless PyTorch would drop a part of complex ones with a warning."""
    for key, own in network.state_dict().items():
        value = fit.state.get(key)
        if value is not None and value.is_complex() and not own.is_complex():
            raise CheckpointError(
                f"Checkpoint {path} has complex numbers in {shown(key)}, and {type(network).__name__} takes real ones: "
                "their imaginary parts would be lost. Save the weights as real numbers, for instance their .real."
            )
    network.load_state_dict(dict(fit.state), strict=False)


def save_checkpoint(network: nn.Module, path: Path, metadata: Mapping[str, Any], half: bool = False) -> None:
    """Write the native format: safetensors with JSON metadata, in float16 if ``half``."""
    from safetensors.torch import save_file

    state = {
        key: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    save_file(state, path, metadata={_METADATA_KEY: json.dumps(metadata, sort_keys=True)})


def _read(path: Path) -> tuple[object, dict[str, Any]]:
    return _read_safetensors(path) if path.suffix == ".safetensors" else (_read_torch(path), {})


def _read_safetensors(path: Path) -> tuple[object, dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            metadata = (file.metadata() or {}).get(_METADATA_KEY, "{}")
    except SafetensorError as error:
        raise CheckpointError(
            f"Checkpoint {path} is not a complete safetensors file ({wrong_in_file(error)}). It may be truncated: "
            "copy it again."
        ) from error
    return state, checkpoint_metadata.parse(metadata, path)


def _read_torch(path: Path) -> object:
    refused = refused_archive(path)
    if refused is not None:
        raise refused
    try:
        return safe_pickle.read(path)
    except pickle.UnpicklingError as error:
        found = re.search(r"(?:GLOBAL|function|class) [`<]?([\w.]+)", str(error))
        refused = refused_pickle(path, found.group(1) if found else None)
        # Text, or any other file that torch.save did not write, fails on its first byte.
        raise refused or CheckpointError(
            f"Checkpoint {path} is damaged, or not a file that torch.save wrote. Copy it again (a download may "
            "have saved an error page instead), or save the weights as .safetensors."
        ) from error
    except Exception as error:  # a damaged file fails in any way
        raise CheckpointError(
            f"Checkpoint {path} cannot be read as a PyTorch file: it is truncated, damaged, or of another format "
            f"({wrong_in_file(error)}). Copy it again, or save the weights as .safetensors."
        ) from error
