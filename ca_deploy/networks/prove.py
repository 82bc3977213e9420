"""Run a network once before anything slow starts."""

from typing import TYPE_CHECKING, Any

from ca_deploy.errors import ModelError, UsageError, first_line

if TYPE_CHECKING:
    from ca_deploy.networks.source import Network


def prove_it_runs(network: "Network") -> None:
    """Run ``network`` on noise of its input size, and check that the output is finite and matches the labels.

    Raises:
        ModelError: it does not run, does not return one tensor, or returns NaN or infinity; names the module.
        UsageError: the number of labels differs from the number of outputs.
    """
    import torch

    culprits: list[str] = []

    def note(name: str) -> Any:
        def hook(_module: object, _inputs: object, output: object) -> None:
            if isinstance(output, torch.Tensor) and not torch.isfinite(output).all():
                culprits.append(name)

        return hook

    handles = [m.register_forward_hook(note(n)) for n, m in network.module.named_modules() if n]
    size = network.preprocessing.size_text
    try:
        with torch.inference_mode():
            output = network.module(network.example())
    except Exception as error:  # mismatched shapes raise whatever the operation raises
        raise ModelError(
            f"{network.name} cannot take an image of {size} px (height x width): {first_line(error)}. "
            "Choose another --input-size (for most networks a multiple of 32)."
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(output, torch.Tensor):
        raise ModelError(
            f"{network.name} returns a {type(output).__name__}; ca-deploy exports networks that return one tensor."
        )
    if not torch.isfinite(output).all():
        first = f" The first module to do so is {culprits[0]!r}." if culprits else ""
        raise ModelError(
            f"{network.name} returns NaN or infinity for ordinary input.{first} "
            "The weights are probably damaged, or training diverged: check the checkpoint."
        )
    if network.labels and output.ndim == 2 and output.shape[1] != len(network.labels):
        raise UsageError(f"{network.name} has {output.shape[1]} outputs, but there are {len(network.labels)} labels.")
