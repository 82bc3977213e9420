"""A network from its factory ``package.module:factory``, called with a fixed seed, and not random by mistake."""

import copy
import importlib
import importlib.util
import inspect
from typing import TYPE_CHECKING, Any

from ca_deploy.errors import CheckpointError, ModelError, UsageError, first_line
from ca_deploy.networks import factory_place
from ca_deploy.processes.python_path import append_current_folder, installed_module
from ca_deploy.records.model import ModelSource

if TYPE_CHECKING:
    from torch import nn

    from ca_deploy.networks.checkpoint import Checkpoint


def make_network(factory_name: str, source: ModelSource, checkpoint: "Checkpoint | None") -> "nn.Module":
    """Import the factory and call it; with a checkpoint, for the number of classes that fits it.

    Raises:
        UsageError: the factory does not take what ``source`` says.
        ModelError: it cannot be imported, fails, or makes something else.
        CheckpointError: it makes random weights, and nobody asked for them.
    """
    from torch import nn

    found = _import(factory_name)
    if not callable(found):
        raise ModelError(f"{factory_name} is a {type(found).__name__}, neither an nn.Module nor a function making one.")
    arguments: dict[str, Any] = {"num_classes": source.num_classes, "width": source.width}
    arguments = {name: value for name, value in arguments.items() if value is not None}
    accepted = {} if isinstance(found, nn.Module) else inspect.signature(found).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in accepted.values())
    for name in arguments:
        if name not in accepted and not takes_any:
            flag = "--" + name.replace("_", "-")
            raise UsageError(f"{factory_name} takes no argument {name!r}, so {flag} cannot be passed on. Drop it.")
    if isinstance(found, nn.Module):
        return copied(found)  # other code may have it in hand
    if checkpoint is not None and "width" in accepted and "width" in checkpoint.metadata:
        arguments.setdefault("width", checkpoint.metadata["width"])
    if checkpoint is not None and "num_classes" in accepted:
        from ca_deploy.networks.backbone import build_on
        from ca_deploy.networks.class_count import build_to_fit

        def build(classes: int) -> "nn.Module":
            return _seeded(found, {**arguments, "num_classes": classes}, factory_name, seed=0)

        if source.backbone_weights is None:
            return build_to_fit(build, source.num_classes, accepted["num_classes"].default, checkpoint)
        if source.num_classes is None:
            return build_on(build, accepted["num_classes"].default, checkpoint)
    module = _seeded(found, arguments, factory_name, seed=0)
    if checkpoint is None and not source.random_weights:
        again = _seeded(found, arguments, factory_name, seed=1)
        if not _same_weights(module, again):
            raise CheckpointError(
                f"{factory_name} starts from random weights: two calls gave two different networks. Pass trained "
                "ones with --weights FILE, or --random-weights to try the tools on an untrained network."
            )
    return module


def check_place(factory_name: str) -> None:
    """
    Raises:
        ModelError: there is no such package or module, or nothing of that name in its file, which is not run.
    """
    module_name, _, attribute = factory_name.partition(":")
    missing = factory_place.missing(module_name, attribute.partition(".")[0])
    if missing:
        raise _not_imported(factory_name, ModuleNotFoundError(f"No module named {missing!r}"))
    if missing is not None:
        raise _no_such(factory_name)


def _import(factory_name: str) -> object:
    module_name, _, attribute = factory_name.partition(":")
    if installed_module(module_name) is None:
        append_current_folder()  # for good: the network may import from it when it runs
    try:
        found: object = importlib.import_module(module_name)
    except Exception as error:  # importing the user's module runs the user's code
        raise _not_imported(factory_name, error) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise _no_such(factory_name)
        found = getattr(found, part)
    return found


def _no_such(factory_name: str) -> ModelError:
    module_name, _, attribute = factory_name.partition(":")
    return ModelError(f"Module {module_name!r} has no {attribute!r} (asked for as {factory_name}).")


def _not_imported(factory_name: str, error: Exception) -> ModelError:
    return ModelError(
        f"Cannot import {factory_name.partition(':')[0]!r} for {factory_name} "
        f"({type(error).__name__}: {first_line(error)}). Run from its folder, or put that on PYTHONPATH."
    )


def _seeded(factory: Any, arguments: dict[str, Any], name: str, seed: int) -> "nn.Module":
    """Build with a fixed seed, so that a converter process builds the same network."""
    import torch
    from torch import nn

    torch.manual_seed(seed)
    try:
        module = factory(**arguments)
    except Exception as error:  # the user's factory may raise anything
        called = ", ".join(f"{k}={v!r}" for k, v in arguments.items())
        raise ModelError(f"{name}({called}) failed: {type(error).__name__}: {first_line(error)}.") from error
    if not isinstance(module, nn.Module):
        raise ModelError(f"{name} returned a {type(module).__name__}, not an nn.Module.")
    return module.eval().float()


def _same_weights(one: "nn.Module", other: "nn.Module") -> bool:
    import torch

    a, b = one.state_dict(), other.state_dict()
    if unbuilt := [key for key, value in a.items() if isinstance(value, torch.nn.UninitializedParameter)]:
        raise ModelError(
            f"The network has layers that learn their size from the first input ({', '.join(unbuilt[:4])}): let the "
            "factory run one through it and load trained weights, or name the sizes."
        )
    # NaN is unequal to itself, but damaged weights must not be reported as random.
    return a.keys() == b.keys() and all(torch.equal(a[key].nan_to_num(), b[key].nan_to_num()) for key in a)


def copied(module: "nn.Module") -> "nn.Module":
    """A copy in evaluation mode and float32.

    Raises:
        ModelError: it cannot be copied, or is TorchScript.
    """
    import torch

    kind = type(module).__name__
    if isinstance(module, torch.jit.ScriptModule):
        raise ModelError(
            f"{kind} is a TorchScript module, which torch.export does not take. Pass the nn.Module itself."
        )
    try:
        return copy.deepcopy(module).eval().float()
    except Exception as error:  # attributes may refuse to be copied in any way
        raise ModelError(
            f"{kind} cannot be copied ({type(error).__name__}: {first_line(error)}), and is not changed itself. Name a "
            "factory that builds it, as package.module:factory with weights, or save it by torch.export."
        ) from error
