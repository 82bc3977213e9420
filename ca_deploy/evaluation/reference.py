"""The reference of a parity check: the network that the manifest names, and the images that the export held out."""

import shlex
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, load_calibration, load_spec
from ca_deploy.data.recorded import held_out_again
from ca_deploy.data.shares import FEWEST_HELD_OUT
from ca_deploy.errors import ArtifactError, ImageDataError, UsageError
from ca_deploy.evaluation.predictor import Predictor, model_suffixes, network_predictor, open_predictor
from ca_deploy.networks.source import Network, load, source_of_object
from ca_deploy.records.image_set import ImageSet
from ca_deploy.records.manifest import Manifest
from ca_deploy.records.model import ModelSource, registered_models
from ca_deploy.records.places import source_from
from ca_deploy.records.recipe import FLOOR_AGREEMENT_PERCENT, FLOOR_SQNR_DB, Tolerances
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from torch import nn

FLOORS = Tolerances(sqnr_db=FLOOR_SQNR_DB, agreement_percent=FLOOR_AGREEMENT_PERCENT).with_floors


def reference_for(
    subject: Predictor,
    against: "str | Path | ModelSource | nn.Module | None",
    source: ModelSource | None,
    threads: int,
    beside: Path,
) -> Predictor:
    """The network or file to compare with; by default the registered model in the subject's manifest.

    ``beside`` is the folder of the subject's file and manifest.

    Raises:
        UsageError: no reference is given, and the manifest names none, or one that is code.
        ArtifactError: the model's weights are not those that the file was made from.
        CaDeployError: see :func:`~ca_deploy.networks.source.load` and :func:`.open_predictor`.
    """
    if isinstance(against, str | Path):
        if source is not None or str(against).endswith(model_suffixes()):
            return open_predictor(against, None, threads, source)
        against = ModelSource(str(against))
    return network_predictor(network_for(subject, against, source, beside))


def network_for(
    subject: Predictor, against: "ModelSource | nn.Module | None", source: ModelSource | None, beside: Path
) -> Network:
    """The network that a file was made from: the registered one in its manifest, or ``against``.

    What ``source`` (of an object) or ``against`` leave open is in the manifest. ``beside`` is its folder.

    Raises:
        UsageError, ArtifactError, CaDeployError: as :func:`reference_for`.
    """
    record = subject.manifest.model if subject.manifest else None
    if record is not None:
        # The names of its classes are in the manifest itself; the file that they came from may be elsewhere.
        record = replace(record, source=replace(source_from(record.source, beside), labels=None))
    if against is not None and not isinstance(against, ModelSource):
        given = source or (record.source if record else ModelSource())
        described = replace(
            given,
            model=ModelSource().model,
            weights=None,
            weights_key=None,
            backbone_weights=None,
            random_weights=False,
            evaluation_mode=False,
            num_classes=None,
            width=None,
        )
        return load(source_of_object(against, described), against)
    if record is None or (against is not None and against.model != record.source.model):
        if against is None:
            raise UsageError(
                f"{subject.name} has no manifest that names its model. Name the reference: --against MODEL."
            )
        return load(_filled_up(against, record.source) if record and record.from_object else against)
    if against is None and record.from_object:
        raise UsageError(
            f"{subject.name} was made from an object in memory, of class {record.source.model}, which a manifest does "
            "not contain. Pass it: ca_deploy.compare(file, against=network), or name its factory: --against MODEL."
        )
    if against is None and not record.source.is_registered:
        named = record.source.model if record.source.model.isprintable() else repr(record.source.model)
        raise UsageError(
            f"{subject.name} was made from {named}, which is code, and no manifest decides which code "
            f"runs. If you trust it, name it yourself: --against {shlex.quote(named)}"
        )
    given = against or ModelSource(record.source.model)
    network = load(_filled_up(given, record.source))
    if not given.names_weights and network.checkpoint_sha256 != record.checkpoint_sha256:
        raise ArtifactError(
            f"{subject.name} was made from other weights than those in {network.checkpoint} (its sha256 differs). "
            "Pass the right ones: --against MODEL --weights FILE."
        )
    return network


def _filled_up(given: ModelSource, recorded: ModelSource) -> ModelSource:
    """The fields of ``given``; those left at their defaults come from the manifest."""
    values = {field.name: getattr(given, field.name) for field in fields(ModelSource)}
    kept = {name: value for name, value in values.items() if value is not None and value is not False and value != ()}
    if given.names_weights:
        names = ("weights", "weights_key", "backbone_weights", "random_weights")
        kept |= {name: getattr(given, name) for name in names}
    return replace(recorded, **kept)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Samples to compare on; ``image_set`` says what they are, for the report."""

    samples: Samples
    image_set: str


def samples_for(subject: Predictor, beside: Path, name: str | None = None, moved: Path | None = None) -> HeldOut:
    """The very samples that the export held out, or the held-out part of the set ``name``.

    ``beside`` is the folder of the manifest, and ``moved`` where the user's folder or file of images is now.

    Raises:
        UsageError: both are given, or the subject has no manifest that names its images.
        ImageDataError: too few of them are left for a verdict, or the set has none but what calibration has seen.
    """
    manifest = subject.manifest
    if moved is not None and (name is not None or manifest is None):
        why = "and --calibration are two sets" if name is not None else "needs a manifest that lists images"
        raise UsageError(f"--images {moved} {why}. To compare on other images, pass --calibration alone.")
    kind = "images" if subject.signature.images else "samples"
    if name is None and manifest is not None and manifest.images is not None:
        return _recorded(subject, _named(manifest, manifest.images), beside, moved, kind)
    spec = load_spec(name or NOT_YOUR_DOMAIN)
    images = load_calibration(replace(spec, held_out=max(FEWEST_HELD_OUT, spec.held_out)), subject.signature)
    seen = manifest.images.calibration.values() if manifest is not None and manifest.images is not None else ()
    unseen = images.held_out.without(seen)
    if not len(unseen):
        raise ImageDataError(
            f"All images of the set {spec.name!r} were used in calibration, or are too few. Name another with "
            "--calibration."
        )
    return HeldOut(unseen, f"held-out {kind} of {images.record(beside, calibrated=False).label}")


def _named(manifest: Manifest, recorded: ImageSet) -> ImageSet:
    """With the set that an earlier manifest does not name where nothing was calibrated: the model's own."""
    if recorded.name or manifest.model.source.names_weights:
        return recorded
    model = registered_models().get(manifest.model.name)
    return replace(recorded, name=model.calibration if model and model.calibration else NOT_YOUR_DOMAIN)


def _recorded(subject: Predictor, recorded: ImageSet, beside: Path, moved: Path | None, kind: str) -> HeldOut:
    found = held_out_again(recorded, subject.signature, beside, moved)
    wanted, left = len(recorded.held_out), len(found.samples)
    if left < min(wanted, FEWEST_HELD_OUT) or not left:
        raise ImageDataError(
            f"Of the {wanted} {kind} of {recorded.label} that {subject.name} was compared on, {left} are left "
            f"({found.losses or 'it was compared on none'}), and parity needs {FEWEST_HELD_OUT}. Say where they are "
            "now with --images PATH, or compare on others with --calibration SET."
        )
    losses = f" ({found.losses})" if found.losses else ""
    return HeldOut(found.samples, f"held-out {kind} of {recorded.label}{losses}")


def tolerances_for(subject: Predictor) -> Tolerances:
    """The tolerances of the recipe; without a manifest, the floors of integer recipes."""
    if subject.manifest is not None:
        return subject.manifest.recipe.tolerances.with_floors
    return FLOORS
