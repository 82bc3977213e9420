"""Programs whose numbers no file takes as they are: a network from Python is made float32, a program cannot be."""

from typing import TYPE_CHECKING, Any

from ca_deploy.errors import ModelError, listed

if TYPE_CHECKING:
    import torch

_OTHER_FLOATS = ("float16", "bfloat16", "float64")


def refuse_types(program: "torch.export.ExportedProgram", inputs: dict[str, Any]) -> None:
    """Refuse a program that computes in another precision than float32, or takes complex numbers or one number alone.

    ``inputs`` are the tensors that it takes by name.

    Raises:
        ModelError: names the inputs and weights, and what to change.
    """
    of_inputs = {name: _dtype(value) for name, value in inputs.items()}
    of_weights = {name: _dtype(value) for name, value in program.named_parameters()}
    unusual = {name: dtype for name, dtype in of_inputs.items() if dtype in _OTHER_FLOATS}
    weights = [name for name, dtype in of_weights.items() if dtype in _OTHER_FLOATS]
    if unusual or weights:
        what = [f"input {name}" for name in unusual] + ([f"the weights {listed(weights)}"] if weights else [])
        found = dict.fromkeys([*unusual.values(), *(of_weights[name] for name in weights)])
        raise ModelError(
            f"The program computes in {' and '.join(found)} ({', '.join(what)}), and is exported from float32. Call "
            "network.float() before torch.export.export, trace it with float32 examples, and save it again. --fp16 "
            "makes float16 files of it."
        )
    for name, value in inputs.items():
        if of_inputs[name].startswith("complex"):
            raise ModelError(
                f"The program's input {name} is {of_inputs[name]}, which no format takes. Export it again with real "
                "and imaginary parts as tensors (torch.view_as_real)."
            )
        if not value.ndim:
            raise ModelError(
                f"The program's input {name} is one number without a batch, and the first side of every input is the "
                "batch. Export it again with an example of the shape (1,): one number per sample."
            )


def _dtype(value: Any) -> str:
    return str(value.dtype).removeprefix("torch.")
