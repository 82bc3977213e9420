"""Checkpoints: read them safely, unwrap them, translate foreign keys, and load them strictly."""

import json
import pickle
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ca_deploy.errors import CheckpointError, first_line
from ca_deploy.files import sha256_of
from ca_deploy.models.key_layout import KeyLayout
from ca_deploy.networks import checkpoint_metadata

# The EMA copy is usually the one that was validated, so it takes precedence (as in timm).
_EMA_ENTRIES = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")
_RAW_ENTRIES = ("state_dict", "model_state_dict", "model", "net", "network", "weights", "module")
_PREFIXES = ("module.", "_orig_mod.", "model.", "network.")
_METADATA_KEY = "ca_deploy"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights as read from a file: flat key -> tensor, with metadata.

    ``metadata`` is what :func:`save_checkpoint` stored: labels, preprocessing, width.
    """

    path: Path
    sha256: str
    state: Mapping[str, Tensor]
    metadata: Mapping[str, Any] = field(default_factory=dict)


def read_checkpoint(path: Path) -> Checkpoint:
    """Read ``.safetensors``, or a ``torch.save`` file without running code from it.

    Raises:
        CheckpointError: missing, empty, truncated, with Python objects, containing itself, or with tensors that
            are not plain arrays of numbers.
    """
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise CheckpointError(f"Checkpoint {path} {what}. Pass the weights file with --weights FILE.")
    if path.stat().st_size == 0:
        raise CheckpointError(f"Checkpoint {path} is empty (0 bytes). Copy it again from its source.")
    content, metadata = _read_safetensors(path) if path.suffix == ".safetensors" else (_read_torch(path), {})
    return Checkpoint(path, sha256_of(path), _unwrap(content, path), metadata)


def load_weights(network: nn.Module, checkpoint: Checkpoint) -> str:
    """Load all weights of ``network`` strictly, and return the name of the key layout that matched.

    Foreign layouts come from the network's class attribute ``foreign_layouts``.

    Raises:
        CheckpointError: lists all missing and unexpected keys and wrong shapes.
    """
    layout, state = _best_layout(network, checkpoint)
    problems = _Mismatch.between(state, network)
    if problems:
        raise CheckpointError(
            f"Checkpoint {checkpoint.path} does not fit {type(network).__name__}"
            f" (read as the {layout} layout):\n{problems.describe()}\n"
            "Check the model name, --width and --num-classes, or pass your own network as package.module:factory."
        )
    network.load_state_dict(state, strict=False)  # checked above, with a better message
    return layout


def load_backbone(
    network: nn.Module, checkpoint: Checkpoint, new: tuple[str, ...] = ("attention", "classifier")
) -> None:
    """Load all weights except those of the modules named in ``new``, which stay as they are.

    All others must match exactly. Training starts this way from an ImageNet MobileNetV2 without attention.

    Raises:
        CheckpointError: lists all missing and unexpected keys and wrong shapes.
    """

    def is_new(key: str) -> bool:
        return any(part in new for part in key.split("."))

    _, state = _best_layout(network, checkpoint)
    problems = _Mismatch.between({k: v for k, v in state.items() if not is_new(k)}, network, skip=is_new)
    if problems:
        raise CheckpointError(
            f"Backbone {checkpoint.path} does not fit {type(network).__name__}:\n{problems.describe()}"
        )
    network.load_state_dict({k: v for k, v in state.items() if not is_new(k)}, strict=False)


def save_checkpoint(network: nn.Module, path: Path, metadata: Mapping[str, Any], half: bool = False) -> None:
    """Write the native format: safetensors with JSON metadata, in float16 if ``half``."""
    from safetensors.torch import save_file

    state = {
        key: (value.half() if half and value.is_floating_point() else value).detach().cpu().contiguous()
        for key, value in network.state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    save_file(state, path, metadata={_METADATA_KEY: json.dumps(metadata, sort_keys=True)})


def _read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            metadata = (file.metadata() or {}).get(_METADATA_KEY, "{}")
    except SafetensorError as error:
        raise CheckpointError(
            f"Checkpoint {path} is not a complete safetensors file ({error}). It may be truncated: copy it again."
        ) from error
    return state, checkpoint_metadata.parse(metadata, path)


def _read_torch(path: Path) -> object:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # Text, or any other file that torch.save did not write, fails on its first byte.
        if "Weights only load failed" not in str(error) or "Unsupported operand" in str(error):
            raise CheckpointError(
                f"Checkpoint {path} is damaged, or not a file that torch.save wrote. Copy it again (a download may "
                "have saved an error page instead), or save the weights as .safetensors."
            ) from error
        found = re.search(r"(?:GLOBAL|function|class) `?([\w.]+)", str(error))
        carried = f" ({found.group(1)})" if found else ""
        raise CheckpointError(
            f"Checkpoint {path} contains Python objects{carried}, and reading them would run code from the file. "
            "It was refused. If you trust it, save the bare weights once: "
            "torch.save(torch.load(FILE, weights_only=False).state_dict(), 'weights.pth'), "
            "or ['state_dict'] if it is a dictionary, and pass that file."
        ) from error
    except (RuntimeError, EOFError, ValueError, OSError, KeyError) as error:
        raise CheckpointError(
            f"Checkpoint {path} cannot be read as a PyTorch file: it is truncated, damaged, or of another format "
            f"({first_line(error)}). Copy it again, or save the weights as .safetensors."
        ) from error


def _unwrap(content: object, path: Path) -> dict[str, Tensor]:
    """The weights inside wrapping entries (EMA first), without prefixes common to all keys."""
    entries: list[str] = []
    around: set[int] = set()
    while isinstance(content, Mapping) and not any(isinstance(v, Tensor) and v.ndim for v in content.values()):
        if id(content) in around:
            raise CheckpointError(
                f"Checkpoint {path} has no weights: its entry {'.'.join(entries)} leads back to a dictionary that "
                "contains it. Save the bare weights: torch.save(network.state_dict(), 'weights.pth')."
            )
        around.add(id(content))
        name = next((n for n in (*_EMA_ENTRIES, *_RAW_ENTRIES) if isinstance(content.get(n), Mapping)), None)
        if name is None:
            break
        entries.append(name)
        content = content[name]
    if not isinstance(content, Mapping):
        raise CheckpointError(f"Checkpoint {path} contains a {type(content).__name__}, not a dictionary of weights.")
    state = {str(k): v for k, v in content.items() if isinstance(v, Tensor) and k != "n_averaged"}
    if not state:
        held = ", ".join(map(str, list(content)[:8])) or "nothing"
        raise CheckpointError(f"Checkpoint {path} has no weights (its entries: {held}).")
    for key, value in state.items():
        if form := _unusable_form(value):
            raise CheckpointError(
                f"Checkpoint {path} stores {key} {form}. Save ordinary float tensors: load the weights, fill or "
                "convert them (to_dense(), dequantize()), and save the state_dict() again."
            )
    stripping = True
    while stripping:
        prefix = next((p for p in _PREFIXES if all(k.startswith(p) for k in state)), None)
        stripping = prefix is not None
        if prefix is not None:
            state = {k.removeprefix(prefix): v for k, v in state.items()}
    return state


def _unusable_form(value: Tensor) -> str | None:
    """How a tensor is stored if a network cannot load it; None for an ordinary one."""
    if value.is_meta:
        return "without its values (it is on the meta device)"
    if value.is_nested or value.layout is not torch.strided:
        return f"in the layout {'nested' if value.is_nested else str(value.layout)}"
    return "as a quantised tensor" if value.is_quantized else None


def _best_layout(network: nn.Module, checkpoint: Checkpoint) -> tuple[str, dict[str, Tensor]]:
    """The name of the key layout that matches most keys, and the state under the network's own keys."""
    layouts: tuple[KeyLayout, ...] = (KeyLayout("native", ()), *getattr(network, "foreign_layouts", ()))
    own = network.state_dict().keys()

    def fit(layout: KeyLayout) -> int:
        return len(own & {layout.translate(key) for key in checkpoint.state})

    best = max(layouts, key=fit)
    return best.name, {best.translate(key): value for key, value in checkpoint.state.items()}


@dataclass(frozen=True, slots=True)
class _Mismatch:
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    misshapen: tuple[str, ...]

    @classmethod
    def between(
        cls, state: Mapping[str, Tensor], network: nn.Module, skip: Callable[[str], bool] | None = None
    ) -> "_Mismatch":
        own = {k: v for k, v in network.state_dict().items() if skip is None or not skip(k)}
        # Batch counters matter for training only, and files from before PyTorch 0.4.1 lack them.
        missing = sorted(k for k in own.keys() - state.keys() if not k.endswith("num_batches_tracked"))
        misshapen = [
            f"{k}: the file has {tuple(state[k].shape)}, the network {tuple(own[k].shape)}"
            for k in sorted(own.keys() & state.keys())
            if own[k].shape != state[k].shape
        ]
        return cls(tuple(missing), tuple(sorted(state.keys() - own.keys())), tuple(misshapen))

    def __bool__(self) -> bool:
        return bool(self.missing or self.unexpected or self.misshapen)

    def describe(self, most: int = 6) -> str:
        lines = []
        for kind in ("missing", "unexpected", "misshapen"):
            keys: tuple[str, ...] = getattr(self, kind)
            if keys:
                more = f"\n    … and {len(keys) - most} more" if len(keys) > most else ""
                title = "wrong shape" if kind == "misshapen" else kind
                lines.append(f"  {title} ({len(keys)}):\n    " + "\n    ".join(keys[:most]) + more)
        return "\n".join(lines)
