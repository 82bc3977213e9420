"""Run a network once before anything slow starts: what it gives, or which module fails."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from ca_deploy.errors import ModelError, first_line
from ca_deploy.networks.cannot_take import cannot_take
from ca_deploy.networks.flat import Flat, named_tensors
from ca_deploy.networks.last_operation import LastOperations
from ca_deploy.networks.steadiness import RandomAndTraining, refuse_state, refuse_unsteady, refuse_varying
from ca_deploy.records.boxes import BoxCoding
from ca_deploy.records.samples import Samples
from ca_deploy.records.signature import NetworkInput, NetworkOutput, Signature
from ca_deploy.records.tensors import DType

if TYPE_CHECKING:
    from ca_deploy.networks.arguments import Argument


@dataclass(frozen=True, slots=True)
class Proven:
    """``module`` takes the tensors of the signature in order, and returns its outputs: a tensor, or a tuple of several.

    An output that is in no container has the name "". ``notes`` say what the network returns that is no output.
    """

    module: nn.Module
    signature: Signature
    notes: tuple[str, ...]


def prove(name: str, network: nn.Module, arguments: "Sequence[Argument]", inputs: tuple[NetworkInput, ...]) -> Proven:
    """Run ``network`` on noise of its inputs' shapes, and name its outputs.

    What those of a detector mean, its ``box_coding`` says.

    Raises:
        ModelError: it does not run, is not the same at every run, returns something else than tensors, or NaN or
            infinity; names the module.
    """
    flat = Flat(network, [argument.called if argument.keyword else None for argument in arguments])
    watch = _Watch(network)
    operations, chance = LastOperations(), RandomAndTraining(watch.place)
    fed = examples(inputs)
    try:
        with torch.inference_mode(), watch, operations, chance:
            given = flat.call(*fed)
    except Exception as error:  # mismatched shapes raise whatever the operation raises
        raise ModelError(cannot_take(name, flat, arguments, inputs, watch.running, error)) from error
    refuse_unsteady(name, network, chance)
    found, notes = named_tensors(given, name)
    for output, value in found.items():
        if value.is_floating_point() and not torch.isfinite(value).all():
            first = f" The first module to do so is {watch.not_finite[0]!r}." if watch.not_finite else ""
            at = f" in its output {output!r}" if output else ""
            raise ModelError(
                f"{name} returns NaN or infinity{at} for ordinary input.{first} "
                "The weights are probably damaged, or training diverged: check the checkpoint."
            )
    try:
        with torch.inference_mode():
            other = flat.call(*examples(inputs, seed=1))
            again = flat.call(*fed)  # what is kept from the first run may show only after another input
    except Exception as error:  # as at the first run
        raise ModelError(
            f"{name} fails when it is run again: {first_line(error)}. It keeps something from run to run."
        ) from error
    refuse_state(name, found, named_tensors(again, name)[0])
    refuse_varying(name, found, other)
    outputs = tuple(
        NetworkOutput(output, tuple(value.shape), _dtype(value), operations.activation_of(value))
        for output, value in found.items()
    )
    plain = isinstance(given, Tensor) and len(arguments) == 1 and not arguments[0].keyword
    coding = getattr(network, "box_coding", None)
    boxes = coding if isinstance(coding, BoxCoding) else None
    return Proven(network if plain else flat, Signature(inputs, outputs, boxes), notes)


def examples(inputs: Sequence[NetworkInput], batch: int = 1, seed: int = 0) -> tuple[Tensor, ...]:
    """Noise for each input, always the same for one ``seed``: normal floats, and integers of 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(_noise(taken, (batch, *taken.shape[1:]), generator) for taken in inputs)


def first_of(real: Samples, signature: Signature, batch: int = 1, pixels: bool = False) -> tuple[Tensor, ...]:
    """The first samples as a network takes them; ``pixels``: its images as 0..255 instead of normalised."""
    rows = next((real if pixels else signature.to_network(real)).batches(batch))
    tensors = [torch.from_numpy(rows[taken.name]) for taken in signature.inputs]
    return tuple(tensor.permute(0, 3, 1, 2).float() if pixels else tensor for tensor in tensors)


def _noise(taken: NetworkInput, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    dtype: torch.dtype = getattr(torch, taken.dtype)
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(dtype)
    return torch.randint(0, 2, shape, generator=generator).to(dtype)


def _dtype(value: Tensor) -> DType:
    return cast(DType, str(value.dtype).removeprefix("torch."))


class _Watch:
    """Notes which module is running, and which are the first to return something that is not finite."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._handles: list[Any] = []
        self.running: list[tuple[str, nn.Module, Any]] = []
        self.not_finite: list[str] = []

    def place(self) -> str:
        """The path of the module that is running; "" is the network itself."""
        return self.running[-1][0] if self.running else ""

    def __enter__(self) -> "_Watch":
        for name, module in self._network.named_modules():
            if name and name != "_guards_fn":  # torch.export's checks of a program's inputs
                self._handles.append(module.register_forward_pre_hook(self._enters(name)))
                self._handles.append(module.register_forward_hook(self._leaves(name)))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _enters(self, name: str) -> Any:
        def hook(module: nn.Module, taken: Any) -> None:
            self.running.append((name, module, taken[0] if taken else None))

        return hook

    def _leaves(self, name: str) -> Any:
        def hook(_module: nn.Module, _taken: Any, given: Any) -> None:
            self.running.pop()
            if isinstance(given, Tensor) and given.is_floating_point() and not torch.isfinite(given).all():
                self.not_finite.append(name)

        return hook
