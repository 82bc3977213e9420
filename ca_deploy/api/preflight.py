"""Files that options name, checked in the first second: before PyTorch is imported and a network is loaded.

What is found here would be found later too, by the code that reads the file; its message is the same.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from ca_deploy import graphs, programs
from ca_deploy.data import array_file
from ca_deploy.data.calibration import load_spec
from ca_deploy.data.folders import image_suffixes, images_below
from ca_deploy.delivery import staging
from ca_deploy.errors import ImageDataError, UsageError
from ca_deploy.evaluation.predictor import model_suffixes
from ca_deploy.files import other_kind
from ca_deploy.graphs.not_models import refuse_others
from ca_deploy.graphs.readers import by_suffix
from ca_deploy.networks import factory, weights_file
from ca_deploy.networks.labels import labels_of
from ca_deploy.networks.stated_image import check_normalisation, check_sizes
from ca_deploy.networks.stated_task import check_task
from ca_deploy.records.model import ModelSource
from ca_deploy.runtimes import find_runtime


def check_source(source: ModelSource) -> None:
    """The name of a model, its weights, its labels, and what is said of its images.

    Raises:
        UsageError: the name is unknown, the labels cannot be read, there is no such task or head, or no image has such
            a size, mean or std.
        CheckpointError: the weights are missing or empty.
        ProgramError: the program is missing.
        ModelError: the module of a factory is missing, or has no such name.
        ArtifactError: the name is that of a file of another kind.
    """
    for check in source_checks(source):
        check()


def source_checks(source: ModelSource) -> list[Callable[[], object]]:
    """The parts of :func:`check_source`, for all errors at once."""
    checks: list[Callable[[], object]] = [partial(_check_model, source)]
    if source.weights is not None:
        checks.append(partial(weights_file.check_place, source.weights))
    if source.backbone_weights is not None:
        checks.append(partial(weights_file.check_place, source.backbone_weights, "--backbone-weights"))
    return [
        *checks,
        *(partial(check, source) for check in (_check_labels, check_task, check_sizes, check_normalisation)),
    ]


def _check_model(source: ModelSource) -> None:
    refuse_others(Path(source.model))
    if source.is_program:
        programs.check_place(Path(source.model))
    elif source.registered() is None:
        factory.check_place(source.model)


def _check_labels(source: ModelSource) -> None:
    labels_of(source, {})


def check_model(model: str | Path | ModelSource, source: ModelSource | None) -> None:
    """An exported file, or else a model that ``source`` describes.

    Raises:
        UsageError: it is something else.
        ArtifactError: the file is missing, or cannot be a model.
        CaDeployError: see :func:`check_source`.
    """
    if isinstance(model, ModelSource):
        check_source(model)
        return
    if not isinstance(model, str | Path):
        raise UsageError(f"A model is the path of a file or a name here, not a {type(model).__name__}.")
    path = Path(model)
    refuse_others(path)
    if path.suffix not in model_suffixes():
        check_source(replace(source or ModelSource(), model=str(model)))
        return
    if path.suffix in by_suffix():
        graphs.check_place(path)
    if source is not None:
        check_source(source)


def check_runtime(name: str | None) -> None:
    """
    Raises:
        UsageError: no runtime has that name.
    """
    if name is not None:
        find_runtime(name)


def check_calibration(name: str | None) -> None:
    """The name of a set, a TOML, a folder with an image in it, or a file of samples; None is the model's own set.

    Raises:
        UsageError: there is no set of that name.
        ImageDataError: the TOML is malformed; the folder is missing or has no image; the file is missing.
    """
    if name is None:
        return
    spec = load_spec(name)
    if spec.folder is not None and not _has_image(spec.folder):
        images_below(spec.folder)  # raises with the reason, unless the images are behind links
    if spec.file is not None:
        check_samples(spec.file)


def check_data(path: Path) -> None:
    """Labelled photos: a folder with an image in it, or a file that lists them.

    Raises:
        ImageDataError: it is missing, something else, or a folder without an image.
    """
    kind = other_kind(path)
    if path.is_dir():
        if not _has_image(path):
            images_below(path)  # raises with the reason, unless the images are behind links
    elif kind:
        raise ImageDataError(f"Data {path} {kind}. Pass a folder of labelled photos, or the file with their labels.")


def check_samples(path: Path | None) -> None:
    """
    Raises:
        ImageDataError: the file is missing, or not a regular file.
    """
    if path is not None:
        array_file.check_place(path)


def check_output(folder: Path, needed_bytes: int = 0) -> None:
    """Create the folder for results.

    Raises:
        OutputError: it is a file, cannot be written, or has less than ``needed_bytes`` free; the disk is full.
    """
    with staging(folder, needed_bytes):
        pass


def _has_image(folder: Path) -> bool:
    """Whether any image is there; ends at the first, because a folder may have a million files."""
    suffixes = image_suffixes()
    return any(
        not name.startswith(".") and Path(name).suffix.lower() in suffixes
        for _, _, names in os.walk(folder)
        for name in names
    )
