"""The source of a model: a registered name, ``package.module:factory``, a ``.pt2`` program, or an object in memory.

A :class:`ModelSource` describes it (small, picklable, without torch); :func:`load` returns a :class:`Network` that is
ready to run.
"""

import copy
import importlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ca_deploy import programs
from ca_deploy.errors import CheckpointError, ModelError, UsageError, first_line, wrong_in_file
from ca_deploy.files import sha256_of
from ca_deploy.networks.assumptions import assumptions
from ca_deploy.networks.inputs import inputs_of
from ca_deploy.networks.labels import check_label_count, labels_of
from ca_deploy.processes.python_path import append_current_folder
from ca_deploy.records.model import DEFAULT_MODEL, ModelSource, RegisteredModel
from ca_deploy.records.signature import Signature
from ca_deploy.tasks import Task, meaning_of

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ca_deploy.networks.checkpoint import Checkpoint

_DEFAULT_SIZE = 224


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A loaded network in evaluation mode, float32, with its signature, task and labels; compared by identity.

    ``module`` takes the tensors of ``signature.inputs`` in order, and returns the outputs: a tensor, or a tuple of
    several; ``head`` is the one that it has around the network, if any. ``original`` is the network itself, which may
    take and return anything. ``task_reason`` says why it has this task; "" where it was named. ``notes`` are for the
    manifest, and so are ``assumptions``, what nobody said about its images.
    """

    name: str
    module: "nn.Module"
    original: "nn.Module"
    signature: Signature
    task: Task
    task_reason: str
    labels: tuple[str, ...] | None
    trained: bool
    checkpoint: Path | None
    checkpoint_sha256: str | None
    checkpoint_layout: str | None
    default_calibration: str | None
    author: str | None = None
    licence: str | None = None
    notes: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    head: str | None = None

    @property
    def is_wrapped(self) -> bool:
        """Whether ``module`` contains the network, instead of being it."""
        return self.module is not self.original

    def examples(self, batch: int = 1) -> "tuple[torch.Tensor, ...]":
        """Noise for each input, always the same."""
        from ca_deploy.networks.prove import examples

        return examples(self.signature.inputs, batch)


def load(source: ModelSource, module: "nn.Module | None" = None) -> Network:
    """Build the network, load its weights, and run it a few times.

    A network from Python, object or factory, is put into evaluation mode and made float32.

    ``module`` is a network in memory with its weights, which is copied; ``source``, from :func:`source_of_object`, then
    describes its input.

    Raises:
        UsageError: a name is unknown, or flags contradict each other.
        ModelError: the factory cannot be imported or fails; the network does not run at its input size.
        CheckpointError: the weights cannot be read, do not fit, or are missing without ``random_weights``.
    """
    registered = source.registered()
    if source.evaluation_mode and not source.is_program:
        raise UsageError("--eval is for .pt2 programs: a network from Python is put into evaluation mode. Drop it.")
    checkpoint = None if module is not None else _checkpoint(source, registered)
    metadata = dict(checkpoint.metadata) if checkpoint else {}
    layout = program = None
    notes: tuple[str, ...] = ()
    if module is not None:
        module = _copied(module)
    elif source.is_program:
        program = programs.load(Path(source.model))
        module = _module_of(program, source.model)
        if source.evaluation_mode:
            from ca_deploy.networks.evaluation_mode import note_on, to_evaluation

            notes = (note_on(to_evaluation(module)),)
    else:
        module = _build(registered.factory if registered else source.model, source, checkpoint)
    if checkpoint is not None:
        from ca_deploy.networks.checkpoint import load_weights

        loaded = load_weights(module, checkpoint)
        layout, notes = loaded.layout, tuple(filter(None, [loaded.note]))
    origin, sha256 = (checkpoint.path, checkpoint.sha256) if checkpoint else (None, None)
    if source.is_program:
        origin, layout = Path(source.model), "torch.export program"
        sha256 = sha256_of(origin)
    default = registered.input_size if registered else _DEFAULT_SIZE
    from ca_deploy.networks.arguments import arguments_of
    from ca_deploy.networks.head import with_head
    from ca_deploy.networks.prove import check_labels, prove

    arguments = arguments_of(module, source.inputs, program)
    proven = prove(source.stem, module, arguments, inputs_of(arguments, source, metadata, default))
    labels = labels_of(source, metadata)
    check_labels(source.stem, proven.signature, labels)
    meaning = meaning_of(source.task or (registered.task if registered else None), proven.signature, labels)
    check_label_count(source.stem, meaning.task.class_count(proven.signature), labels)
    bundled = registered if registered and checkpoint and checkpoint.path == registered.weights else None
    network = Network(
        name=source.stem,
        module=proven.module,
        original=module,
        signature=proven.signature.named(meaning.task.output_name),
        task=meaning.task,
        task_reason=meaning.reason,
        labels=labels,
        trained=not source.random_weights,  # a network without weights was refused above
        checkpoint=origin,
        checkpoint_sha256=sha256,
        checkpoint_layout=layout,
        default_calibration=bundled.calibration if bundled else None,
        author=metadata.get("author") or (bundled.author if bundled else None),
        licence=metadata.get("licence") or (bundled.licence if bundled else None),
        notes=(*notes, *proven.notes),
        assumptions=assumptions(arguments, proven.signature.inputs, source, metadata, registered is not None),
    )
    return with_head(network, source.head)


def _module_of(program: "torch.export.ExportedProgram", path: str) -> "torch.fx.GraphModule":
    try:
        return program.module()
    except Exception as error:  # sizes without an example value, guards that contradict each other, ...
        raise ModelError(
            f"Program {path} cannot be set up ({wrong_in_file(error)}). Export it again, with fixed sizes."
        ) from error


def _copied(module: "nn.Module") -> "nn.Module":
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


def source_of_object(module: "nn.Module", source: ModelSource) -> ModelSource:
    """The source of a network in memory, named after its class, with the preprocessing and labels in ``source``.

    Raises:
        UsageError: ``source`` also has weights, or arguments of a factory.
    """
    for name in ("weights", "width", "num_classes"):
        if getattr(source, name) is not None:
            raise UsageError(f"The nn.Module object has its own weights and shapes: drop {name}.")
    if source.model not in (DEFAULT_MODEL, _class_of(module)) or source.random_weights:
        raise UsageError("The nn.Module object is the model, with its weights: drop model and random_weights.")
    return replace(source, model=_class_of(module))


def _class_of(module: "nn.Module") -> str:
    return f"{type(module).__module__}:{type(module).__name__}"


def _checkpoint(source: ModelSource, registered: RegisteredModel | None) -> "Checkpoint | None":
    """The weights to load, or None for a program, random weights, or a factory with weights of its own."""
    if source.is_program or source.random_weights:
        return None
    path = source.weights
    if path is None and registered is not None and source.width in (None, 1.0):
        path = registered.weights
    if path is None and registered is not None:
        raise CheckpointError(
            f"There are no trained weights for {source.model}"
            + (f" at width {source.width:g}" if source.width else "")
            + ". Pass yours with --weights FILE, or --random-weights to try the tools on an untrained network."
        )
    if path is None:
        return None
    from ca_deploy.networks.checkpoint import read_checkpoint

    return read_checkpoint(path, source.weights_key)


def _build(factory_name: str, source: ModelSource, checkpoint: "Checkpoint | None") -> "nn.Module":
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
        return _copied(found)  # other code may have it in hand
    if checkpoint is not None and "width" in accepted and "width" in checkpoint.metadata:
        arguments.setdefault("width", checkpoint.metadata["width"])
    if checkpoint is not None and "num_classes" in accepted:
        from ca_deploy.networks.class_count import build_to_fit

        def build(classes: int) -> "nn.Module":
            return _seeded(found, {**arguments, "num_classes": classes}, factory_name, seed=0)

        return build_to_fit(build, source.num_classes, accepted["num_classes"].default, checkpoint)
    module = _seeded(found, arguments, factory_name, seed=0)
    if checkpoint is None and not source.random_weights:
        again = _seeded(found, arguments, factory_name, seed=1)
        if not _same_weights(module, again):
            raise CheckpointError(
                f"{factory_name} starts from random weights: two calls gave two different networks. Pass trained "
                "ones with --weights FILE, or --random-weights to try the tools on an untrained network."
            )
    return module


def _import(factory_name: str) -> object:
    module_name, _, attribute = factory_name.partition(":")
    if not _is_found(module_name.partition(".")[0]):
        append_current_folder()  # for good: the network may import from it when it runs
    try:
        found: object = importlib.import_module(module_name)
    except Exception as error:  # importing the user's module runs the user's code
        raise ModelError(
            f"Cannot import {module_name!r} for {factory_name} ({type(error).__name__}: {first_line(error)}). "
            "Run from its folder, or put that on PYTHONPATH."
        ) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ModelError(f"Module {module_name!r} has no {attribute!r} (asked for as {factory_name}).")
        found = getattr(found, part)
    return found


def _is_found(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ValueError:  # modules without a __spec__, such as __main__
        return name in sys.modules


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
