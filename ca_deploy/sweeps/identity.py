"""What a result depends on, by content: hashes of files and code, so that names and places do not matter."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from ca_deploy.data.calibration import NOT_YOUR_DOMAIN, load_spec
from ca_deploy.files import sha256_of, sha256_of_bytes
from ca_deploy.networks.shards import INDEX, shards_of
from ca_deploy.processes.python_path import top_module
from ca_deploy.records.codec import to_json
from ca_deploy.records.model import ModelSource

_SHOWN = 16  # hexadecimal digits of a hash in the record
_ANY_FACTORY = "-:-"  # every option is valid with a factory
_ANYWHERE = Path("-")


def key_of(inputs: Mapping[str, str]) -> str:
    """One hash for all inputs."""
    return sha256_of_bytes(to_json(dict(sorted(inputs.items()))).encode())


def of_network(source: ModelSource) -> dict[str, str]:
    """The code or program of a network, its weights, its labels, and what else describes it.

    Raises:
        CaDeployError: the source names what does not exist.
    """
    plain = replace(source, model=_ANY_FACTORY, weights=None, backbone_weights=None, labels=None, weights_key=None)
    found = {"network": _code(source), "options": of_text(to_json([plain, source.weights_key]))}
    registered = source.registered()
    weights = source.weights or source.backbone_weights
    if weights is None and registered is not None and not source.random_weights:
        weights = registered.weights
    for name, path in (("weights", weights), ("labels", source.labels)):
        if path is not None:
            found[name] = of_path(path)
    return found


def of_calibration(name: str | None, source: ModelSource) -> str:
    """The images or samples of a set; without a name, of those that the model may take by default.

    Raises:
        CaDeployError: there is no such set.
    """
    registered = source.registered()
    default = (NOT_YOUR_DOMAIN, *filter(None, [registered.calibration if registered else None]))
    hashes = []
    for spec in map(load_spec, (name,) if name is not None else default):
        place = spec.folder or spec.file
        somewhere = replace(spec, folder=spec.folder and _ANYWHERE, file=spec.file and _ANYWHERE, description="-")
        hashes.append(to_json(somewhere) + (of_path(place) if place is not None else ""))
    return of_text("".join(hashes))


def of_data(place: Path) -> str:
    """Labelled photos; of a file that lists them, with all that lies beside it."""
    return of_path(place if place.is_dir() else place.parent) + ("" if place.is_dir() else f" {place.name}")


def of_path(place: Path) -> str:
    """A file, the files of an index of weights, or everything in a folder, behind links too."""
    if place.is_dir():
        return of_text("".join(f"{sha256_of(file)}  {name}\n" for name, file in sorted(_files(place))))
    files = [place, *(shards_of(place) if place.name.endswith(INDEX) else [])]
    return of_text("".join(map(sha256_of, files)))


def of_text(text: str) -> str:
    return sha256_of_bytes(text.encode())[:_SHOWN]


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder that are not hidden, by their path from there; no folder is entered twice."""
    entered = {folder.resolve()}
    for place, folders, names in os.walk(folder, followlinks=True):
        inner = [name for name in sorted(folders) if not name.startswith(".") and name != "__pycache__"]
        folders[:] = [name for name in inner if (Path(place) / name).resolve() not in entered]
        entered |= {(Path(place) / name).resolve() for name in folders}
        for name in names:
            path = Path(place) / name
            if not name.startswith(".") and path.is_file():
                yield path.relative_to(folder).as_posix(), path


def _code(source: ModelSource) -> str:
    """A registered name, whose code is ca-deploy's own; the hash of a program; or the name of a factory, and the hash
    of the Python files of its package, or of those beside its module."""
    if source.is_program:
        return of_path(Path(source.model))
    if source.registered() is not None:
        return source.model
    spec = top_module(source.model.partition(":")[0])
    if spec is None:
        return source.model  # the export will say that it cannot be imported
    if spec.submodule_search_locations:
        files = [found for place in spec.submodule_search_locations for found in _files(Path(place))]
    else:
        beside = Path(spec.origin or "").parent
        files = [(path.name, path) for path in beside.glob("*.py")]
    listing = (f"{sha256_of(file)}  {name}\n" for name, file in sorted(files) if name.endswith(".py"))
    return f"{source.model} {of_text(''.join(listing))}"
