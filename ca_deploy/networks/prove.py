"""A network is run before anything slow begins."""

from typing import TYPE_CHECKING, Any

from ca_deploy.errors import ModelError, UsageError, first_line

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network


def prove_it_runs(network: "Network") -> None:
    """Run once, on noise: the size must fit, the output must be finite, the labels must match.

    Raises:
        ModelError: it does not run, gives something else than one tensor, or NaN or infinity; names the module.
        UsageError: as many labels as outputs are needed.
    """
    import torch

    culprits: list[str] = []

    def note(name: str) -> Any:
        def hook(_module: object, _inputs: object, output: object) -> None:
            if isinstance(output, torch.Tensor) and not torch.isfinite(output).all():
                culprits.append(name)

        return hook

    handles = [m.register_forward_hook(note(n)) for n, m in network.module.named_modules() if n]
    size = network.input_size
    try:
        with torch.inference_mode():
            output = network.module(network.example())
    except Exception as error:  # shapes that do not fit raise whatever the operation raises
        raise ModelError(
            f"{network.name} cannot take an image of {size}x{size} px: {first_line(error)}. "
            "Choose another --input-size (for most networks a multiple of 32)."
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(output, torch.Tensor):
        raise ModelError(
            f"{network.name} gives a {type(output).__name__}; ca-deploy exports networks that give one tensor."
        )
    if not torch.isfinite(output).all():
        first = f" The first module to give one is {culprits[0]!r}." if culprits else ""
        raise ModelError(
            f"{network.name} gives NaN or infinity for an ordinary input.{first} "
            "The weights are probably damaged, or training diverged: check the checkpoint."
        )
    if network.labels and output.ndim == 2 and output.shape[1] != len(network.labels):
        raise UsageError(f"{network.name} has {output.shape[1]} outputs, but there are {len(network.labels)} labels.")
