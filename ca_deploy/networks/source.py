"""The source of a model: a registered name, ``package.module:factory``, a ``.pt2`` program, or an object in memory.

A :class:`ModelSource` describes it (small, picklable, without torch); :func:`load` returns a :class:`Network` that is
ready to run.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy import programs
from ca_deploy.errors import CheckpointError, ModelError, UsageError, wrong_in_file
from ca_deploy.files import sha256_of
from ca_deploy.networks.assumptions import assumptions
from ca_deploy.networks.factory import copied, make_network
from ca_deploy.networks.inputs import inputs_of
from ca_deploy.networks.labels import check_label_count, check_labels, labels_of
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
    several; ``head`` is the one that it has around the network, if any, and ``unfinished`` the network without it where
    formats add it with operators of their own. ``original`` is the network itself, which may
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
    unfinished: "Network | None" = None

    @property
    def converted(self) -> "Network":
        """The network as it is traced for every format."""
        return self.unfinished or self

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
    if registered is not None and source.fit is None and "preprocessing" not in metadata:
        source = replace(source, fit=registered.fit)
    layout = program = None
    trained = not source.random_weights  # a network without weights is refused below
    notes: tuple[str, ...] = ()
    if module is not None:
        module = copied(module)
    elif source.is_program:
        program = programs.load(Path(source.model))
        module = _module_of(program, source.model)
        if source.evaluation_mode:
            from ca_deploy.networks.evaluation_mode import note_on, to_evaluation

            notes = (note_on(to_evaluation(module)),)
    else:
        module = make_network(registered.factory if registered else source.model, source, checkpoint)
        if registered is not None and source.random_weights:
            from ca_deploy.networks.untrained import settle

            settle(module, source.input_size or registered.input_size)
    if checkpoint is not None:
        from ca_deploy.networks.checkpoint import load_weights

        if source.backbone_weights is not None:
            from ca_deploy.networks.backbone import add_attention

            loaded, trained = add_attention(module, source.model, checkpoint)
        else:
            loaded = load_weights(module, checkpoint)
        layout, notes = loaded.layout, tuple(filter(None, [loaded.note]))
    origin, sha256 = (checkpoint.path, checkpoint.sha256) if checkpoint else (None, None)
    if source.is_program:
        origin, layout = Path(source.model), "torch.export program"
        sha256 = sha256_of(origin)
    default = registered.input_size if registered else _DEFAULT_SIZE
    from ca_deploy.networks.arguments import arguments_of
    from ca_deploy.networks.head import with_head
    from ca_deploy.networks.prove import prove

    arguments = arguments_of(module, source.inputs, program)
    proven = prove(source.stem, module, arguments, inputs_of(arguments, source, metadata, default))
    if proven.signature.boxes is None and source.box_coding is not None:
        proven = replace(proven, signature=replace(proven.signature, boxes=source.box_coding))
    labels = labels_of(source, metadata)
    check_labels(source.stem, proven.signature, labels)
    meaning = meaning_of(source.task or (registered.task if registered else None), proven.signature, labels)
    check_label_count(source.stem, meaning.task.class_count(proven.signature), labels, meaning.task.labels_hint)
    bundled = registered if registered and checkpoint and checkpoint.path == registered.weights else None
    network = Network(
        name=source.stem,
        module=proven.module,
        original=module,
        signature=proven.signature.named(meaning.task.output_name),
        task=meaning.task,
        task_reason=meaning.reason,
        labels=labels,
        trained=trained,
        checkpoint=origin,
        checkpoint_sha256=sha256,
        checkpoint_layout=layout,
        default_calibration=bundled.calibration if bundled else None,
        author=metadata.get("author") or (bundled.author if bundled else None),
        licence=metadata.get("licence") or (bundled.licence if bundled else None),
        notes=(*notes, *proven.notes),
        assumptions=assumptions(arguments, proven.signature.inputs, source, metadata, registered is not None),
    )
    return with_head(network, source)


def _module_of(program: "torch.export.ExportedProgram", path: str) -> "torch.fx.GraphModule":
    try:
        return program.module()
    except Exception as error:  # sizes without an example value, guards that contradict each other, ...
        raise ModelError(
            f"Program {path} cannot be set up ({wrong_in_file(error)}). Export it again, with fixed sizes."
        ) from error


def source_of_object(module: "nn.Module", source: ModelSource) -> ModelSource:
    """The source of a network in memory, named after its class, with the preprocessing and labels in ``source``.

    Raises:
        UsageError: ``source`` also has weights, or arguments of a factory.
    """
    for name in ("weights", "backbone_weights", "width", "num_classes"):
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
    path = source.weights or source.backbone_weights
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
