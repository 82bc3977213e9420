"""What to do about weights that do not fit: by the kind of what is left over, missing, or of another shape."""

import re
from pathlib import Path

from ca_deploy.networks.fit import Fit

_PARAMETRISED = re.compile(r"\.parametrizations\.|weight_(orig|u|v|g)$")


def remedy(fit: Fit, path: Path) -> tuple[str, ...]:
    """Sentences, and lines of code where they help."""
    if fit.missing and any(_PARAMETRISED.search(key) for key in fit.unexpected):
        return (
            "It was saved with weight norm, spectral norm or pruning on some layers. Make them plain where the network "
            "is, and save its state_dict() again: torch.nn.utils.parametrize.remove_parametrizations(layer, 'weight'), "
            "or remove_weight_norm, remove_spectral_norm, prune.remove, as they were made.",
        )
    if fit.unexpected and not fit.missing and not fit.misshapen:
        return _without(fit, path)
    if fit.missing and not fit.unexpected and not fit.misshapen:
        return (
            "The file lacks these values, and random ones would take their place. Pass the network as it was when the "
            "weights were saved, as package.module:factory, or weights that are complete.",
        )
    return ("Check the model name, --width and --num-classes, or pass your own network as package.module:factory.",)


def _without(fit: Fit, path: Path) -> tuple[str, ...]:
    """The lines that save what the network has: the rest may be a head for training, or observers."""
    keys = "".join(f"[{entry!r}]" for entry in fit.candidate.entries)
    left = tuple(sorted({fit.prefix + _top(key, fit) for key in fit.unexpected}))
    saved = f"{path.stem}_weights.pth"
    load = f"torch.load({str(path)!r}, map_location='cpu')"
    if path.suffix == ".safetensors":
        load = f"safetensors.torch.load_file({str(path)!r})"
    return (
        "The network has no place for these. If inference does not need them (a head for training, observers), save "
        "the others once:",
        f"    import {'safetensors.torch, ' if path.suffix == '.safetensors' else ''}torch",
        f"    content = {load}{keys}",
        f"    torch.save({{k: v for k, v in content.items() if not k.startswith({left!r})}}, {saved!r})",
        f"and pass that file: --weights {saved}",
    )


def _top(key: str, fit: Fit) -> str:
    """The shortest start of a key, up to a dot, that no key of the network has."""
    parts = key.split(".")
    for count in range(1, len(parts)):
        start = ".".join(parts[:count]) + "."
        if not any(own.startswith(start) for own in fit.own):
            return start
    return key
