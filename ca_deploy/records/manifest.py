"""The manifest of an exported file: a JSON beside it with everything that an app's developer needs to know."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ca_deploy.delivery import settle
from ca_deploy.errors import ArtifactError
from ca_deploy.files import sha256_of
from ca_deploy.records.codec import Unreadable, decode, parse_json
from ca_deploy.records.compat import CompatRecord
from ca_deploy.records.conversion import FloatOperator
from ca_deploy.records.image_set import ImageSet
from ca_deploy.records.image_sizes import ImageSizes
from ca_deploy.records.lowering import Lowering
from ca_deploy.records.model import ModelSource
from ca_deploy.records.parity import ParityReport
from ca_deploy.records.preprocessing import Preprocessing
from ca_deploy.records.recipe import ExportRecipe
from ca_deploy.records.record import record
from ca_deploy.records.signature import Signature
from ca_deploy.records.statistics import Ratio
from ca_deploy.records.tensors import TensorSpec, closed

SCHEMA_VERSION = 6
_EARLY_OPTIONS = ("opset", "deployment_target")
_EARLY_HASHES = "images_sha256"


@record
class ModelRecord:
    """The exported network and its weights; ``trained`` is False for random weights.

    Paths in ``source`` are relative to the manifest (:mod:`ca_deploy.records.places`).

    ``from_object``: the network was an ``nn.Module`` in memory, and ``source.model`` names its class.
    """

    name: str
    source: ModelSource
    checkpoint_sha256: str | None
    checkpoint_layout: str | None
    trained: bool
    parameters: int
    from_object: bool = False


@record
class CalibrationRecord:
    """The set of images that the activation ranges come from; ``images`` is their number."""

    name: str
    domain: str
    images: int
    accuracy_unknown: bool


@record
class SpeedRecord:
    """Median time per inference, of the file and of the float32 file, interleaved on the exporting machine.

    ``ratio`` is the file's time over that of the float32 file. ``load_1min`` is the machine's load average right
    before, in which this export's own converters count, and ``cores`` the number of its processors. None in manifests
    of earlier versions, and where the system does not say.
    """

    median_ms: float
    float32_median_ms: float
    runs: int
    threads: int
    machine: str
    ratio: Ratio | None = None
    load_1min: float | None = None
    cores: int | None = None

    @property
    def was_busy(self) -> bool:
        """Whether other work kept the machine from timing a thread alone."""
        return self.load_1min is not None and self.cores is not None and self.load_1min > self.cores


@record
class Manifest:
    """Everything about one exported file.

    ``inputs`` and ``outputs`` are the file's, and ``signature`` is the network's, with the preprocessing of its images.
    ``task`` names the meaning of the outputs (:mod:`ca_deploy.tasks`). ``session_settings`` are the session options
    with which the runtime computes the same outputs on every processor. ``image_sizes`` are those that the
    image may have; None where it is only one. ``images`` are those that it was calibrated and compared on.
    ``acceleration`` is what delegates take of the file, one clause each; ``assumptions`` are what nobody said about the
    network, each with the options that change it. ``lowering`` is how its attention is written, with the proofs;
    manifests of earlier versions say nothing of it.
    """

    schema_version: int
    ca_deploy_version: str
    file: str
    format: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    signature: Signature
    labels: tuple[str, ...] | None
    sha256: str
    size_bytes: int
    float32_size_bytes: int
    model: ModelRecord
    recipe: ExportRecipe
    calibration: CalibrationRecord | None
    operators: Mapping[str, int]
    float_operators: tuple[FloatOperator, ...]
    lowering: Lowering
    parity: ParityReport
    speed: SpeedRecord | None
    tools: Mapping[str, str]
    warnings: tuple[str, ...]
    compatibility: tuple[CompatRecord, ...] = ()
    session_settings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    task: str | None = None
    task_reason: str = ""
    image_sizes: ImageSizes | None = None
    acceleration: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    images: ImageSet | None = None

    @property
    def preprocessing(self) -> Preprocessing:
        """How a photo becomes the only input.

        Raises:
            UsageError: the network takes something else.
        """
        return self.signature.photo_or_refuse(self.file)

    @property
    def at_own_size(self) -> "Manifest":
        """With the shapes of images of the network's own size, where the file takes several."""
        if self.image_sizes is None:
            return self
        taken = zip(self.inputs, self.signature.inputs, strict=True)
        given = zip(self.outputs, self.signature.outputs, strict=True)
        return dataclasses.replace(
            self,
            inputs=tuple(dataclasses.replace(spec, shape=one.shape_in(spec)) for spec, one in taken),
            outputs=tuple(dataclasses.replace(spec, shape=closed(spec.shape, one.shape)) for spec, one in given),
        )


def manifest_path(model_file: Path) -> Path:
    """``OUT/<model>.<recipe>.json`` for ``OUT/<model>.<recipe>.<suffix>``."""
    return model_file.with_suffix(".json")


def manifest_of(model_file: Path) -> Manifest | None:
    """The manifest beside a file, or None if the manifest or the file is missing.

    Raises:
        ArtifactError: the manifest is damaged, has another schema version, or describes another file.
    """
    settle(model_file.parent)
    path = manifest_path(model_file)
    if not path.is_file() or not model_file.exists():
        return None
    try:
        manifest = manifest_from(parse_json(path.read_bytes()), path)
    except Unreadable as error:
        raise ArtifactError(f"Manifest {path} is damaged:", *error.listed, "Export again, or remove it.") from error
    refuse_another(model_file, manifest, path)
    return manifest


def manifest_from(content: dict[str, Any], path: Path) -> Manifest:
    """The manifest that a JSON document holds, as this version writes it; ``path`` is what messages name.

    Raises:
        ArtifactError: another schema version.
        Unreadable: it is damaged.
    """
    version = content.get("schema_version")
    if type(version) is not int or not 1 <= version <= SCHEMA_VERSION:
        raise ArtifactError(
            f"Manifest {path} has schema version {version!r:.80}; this ca-deploy reads 1 to {SCHEMA_VERSION}."
        )
    return decode(Manifest, content if version == SCHEMA_VERSION else _earlier(content, version))


def refuse_another(model_file: Path, manifest: Manifest, path: Path) -> None:
    """
    Raises:
        ArtifactError: the file is not the one that the manifest at ``path`` describes.
    """
    if sha256_of(model_file) != manifest.sha256:
        raise ArtifactError(
            f"{model_file} is not the file that {path.name} describes (its sha256 differs). "
            "It was changed or replaced after the export: export again, or remove the manifest."
        )


def _earlier(content: dict[str, Any], version: int) -> dict[str, Any]:
    """What earlier versions wrote, as this one does."""
    if version == 1:  # ca-deploy 0.1.0: the options of a format are keys of the recipe
        recipe = content.get("recipe")
        if isinstance(recipe, dict):
            options = {key: recipe[key] for key in _EARLY_OPTIONS if recipe.get(key) is not None}
            kept = {key: value for key, value in recipe.items() if key not in _EARLY_OPTIONS}
            content = {**content, "recipe": {**kept, "options": options}}
    if version < 3 and "preprocessing" in content:  # one image in, one tensor out
        content = {**content, "signature": _signature_of_one_image(content)}
        del content["preprocessing"]
    if version < 4:
        content = _with_image_set(content)
    if version < 5:
        content = {**content, "lowering": {}}
    return {**content, "schema_version": SCHEMA_VERSION}


def _with_image_set(content: dict[str, Any]) -> dict[str, Any]:
    """With the hashes of both parts, which stood in two places without names, in one."""
    moved = {**content}
    digests = {}
    for part in ("calibration", "parity"):
        table = content.get(part)
        listed = table.get(_EARLY_HASHES) if isinstance(table, dict) else None
        if isinstance(table, dict) and isinstance(listed, list) and all(isinstance(one, str) for one in listed):
            moved[part] = {key: value for key, value in table.items() if key != _EARLY_HASHES}
            digests[part] = {digest: digest for digest in listed}
    if "calibration" in digests:
        moved["calibration"]["images"] = len(digests["calibration"])
    calibration = content.get("calibration")
    name = calibration.get("name") if isinstance(calibration, dict) else None
    both = {"calibration": digests.get("calibration", {}), "held_out": digests.get("parity", {})}
    return {**moved, "images": {"name": name if isinstance(name, str) else "", "source": None, **both}}


def _signature_of_one_image(content: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is malformed, which the signature's own check then names."""
    preprocessing = content["preprocessing"]
    crop = preprocessing.get("crop") if isinstance(preprocessing, dict) else None
    depth = len(preprocessing["mean"]) if crop and isinstance(preprocessing.get("mean"), list) else 3
    shape = [1, depth, *(crop if isinstance(crop, list) else [crop, crop])]

    def named(side: str) -> list[dict[str, Any]]:
        listed = content.get(side)
        return [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []

    return {
        "inputs": [
            {"name": item.get("name"), "shape": shape, "preprocessing": preprocessing} for item in named("inputs")
        ],
        "outputs": [{"name": item.get("name"), "shape": _of_one(item.get("shape"))} for item in named("outputs")],
    }


def _of_one(shape: Any) -> Any:
    """A shape with a batch of one in front."""
    return [1, *shape[1:]] if isinstance(shape, list) and shape else shape
