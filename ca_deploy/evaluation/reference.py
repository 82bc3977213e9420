"""The reference of a parity check: the network that the manifest names, and images not used in calibration."""

import shlex
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, load_calibration, load_spec
from ca_deploy.errors import ArtifactError, ImageDataError, UsageError
from ca_deploy.evaluation.predictor import Predictor, model_suffixes, network_predictor, open_predictor
from ca_deploy.networks.source import load, source_of_object
from ca_deploy.records.model import ModelSource, registered_models
from ca_deploy.records.recipe import FLOOR_AGREEMENT_PERCENT, FLOOR_SQNR_DB, Tolerances
from ca_deploy.records.samples import Samples

if TYPE_CHECKING:
    from torch import nn


def reference_for(
    subject: Predictor,
    against: "str | Path | ModelSource | nn.Module | None",
    source: ModelSource | None,
    threads: int,
) -> Predictor:
    """The network or file to compare with; by default the registered model in the subject's manifest.

    Raises:
        UsageError: no reference is given, and the manifest names none, or one that is code.
        ArtifactError: the model's weights are not those that the file was made from.
        CaDeployError: see :func:`~ca_deploy.networks.source.load` and :func:`.open_predictor`.
    """
    if isinstance(against, str | Path):
        if source is not None or str(against).endswith(model_suffixes()):
            return open_predictor(against, None, threads, source)
        against = ModelSource(str(against))
    record = subject.manifest.model if subject.manifest else None
    if against is not None and not isinstance(against, ModelSource):
        given = source or (record.source if record else ModelSource())
        described = replace(
            given,
            model=ModelSource().model,
            weights=None,
            weights_key=None,
            random_weights=False,
            evaluation_mode=False,
            num_classes=None,
            width=None,
        )
        return network_predictor(load(source_of_object(against, described), against))
    if record is None or (against is not None and against.model != record.source.model):
        if against is None:
            raise UsageError(
                f"{subject.name} has no manifest that names its model. Name the reference: --against MODEL."
            )
        return network_predictor(load(_filled_up(against, record.source) if record and record.from_object else against))
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
    return network_predictor(network)


def _filled_up(given: ModelSource, recorded: ModelSource) -> ModelSource:
    """The fields of ``given``; those left at their defaults come from the manifest."""
    values = {field.name: getattr(given, field.name) for field in fields(ModelSource)}
    kept = {name: value for name, value in values.items() if value is not None and value is not False and value != ()}
    if given.names_weights:
        kept |= {"weights": given.weights, "weights_key": given.weights_key, "random_weights": given.random_weights}
    return replace(recorded, **kept)


def samples_for(subject: Predictor, name: str | None) -> Samples:
    """The held-out part of a set, without samples that the file was calibrated on."""
    record = subject.manifest.calibration if subject.manifest else None
    model = registered_models().get(subject.manifest.model.name) if subject.manifest else None
    own = model.calibration if model and subject.manifest and subject.manifest.model.source.weights is None else None
    spec = load_spec(name or own or NOT_YOUR_DOMAIN)
    images = load_calibration(replace(spec, held_out=max(32, spec.held_out)), subject.signature).held_out
    unseen = images.without(record.images_sha256 if record else ())
    if not len(unseen):
        raise ImageDataError(
            f"All images of the set {spec.name!r} were used in calibration. Name another with --calibration."
        )
    return unseen


def tolerances_for(subject: Predictor) -> Tolerances:
    """The tolerances of the recipe; without a manifest, the floors of integer recipes."""
    if subject.manifest is not None:
        return subject.manifest.recipe.tolerances
    return Tolerances(sqnr_db=FLOOR_SQNR_DB, agreement_percent=FLOOR_AGREEMENT_PERCENT)
