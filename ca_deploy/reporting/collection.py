"""Folders -> every exported file in them, with all that was found out about it."""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ca_deploy.delivery import settle
from ca_deploy.errors import ArtifactError, UsageError
from ca_deploy.files import other_kind, size_of
from ca_deploy.graphs.readers import by_suffix
from ca_deploy.records.attention import PICTURE_TITLE
from ca_deploy.records.manifest import Manifest, refuse_another
from ca_deploy.reporting.documents import Document, Kind, read
from ca_deploy.reporting.found import Collection, Shipped
from ca_deploy.reporting.matching import matched

_HEAD_BYTES = 2048
_FEWEST = "Export with `ca-deploy export … --output FOLDER`, and name that folder."


def collect(folders: Sequence[Path]) -> Collection:
    """Read every JSON below the folders (or the files named).

    Raises:
        UsageError: a folder does not exist, or no manifest was found.
    """
    problems: dict[str, str] = {}
    passed_over: list[str] = []
    documents: list[Document] = []
    pictures: list[Path] = []
    for path in _below(folders):
        if path.suffix == ".png":
            pictures += [path] if _is_of_attention(path) else []
            continue
        try:
            document = read(path)
        except ArtifactError as error:
            problems[str(path)] = str(error)
            continue
        if document is not None:
            documents.append(document)
        elif _is_beside_a_model(path):
            problems[str(path)] = f"{path} is not a manifest of ca-deploy, and stands where one would."
        else:
            passed_over.append(str(path))
    files = _files(documents, problems)
    if not files:
        said = f" Of the JSON files there, {len(problems)} cannot be read:" if problems else ""
        raise UsageError(
            f"{', '.join(map(str, folders))}: no manifest of an exported file was found.{said}",
            *(f"  {problem}" for problem in problems.values()),
            _FEWEST,
        )
    found = Collection(
        tuple(folders), tuple(files), pictures=tuple(pictures), problems=problems, passed_over=tuple(passed_over)
    )
    return matched(found, documents)


def _below(folders: Sequence[Path]) -> Iterator[Path]:
    """The JSON and PNG files, each once; what is hidden and what is inside a Core ML package is not looked at."""
    seen = set()
    for folder in folders:
        if not folder.exists():
            raise UsageError(f"{folder} does not exist. Name a folder that `ca-deploy export` wrote to.")
        for path in [folder] if folder.is_file() else _files_in(folder):
            if (place := os.path.realpath(path)) not in seen:
                seen.add(place)
                yield path


def _files_in(folder: Path) -> Iterator[Path]:
    suffixes = tuple(by_suffix())
    for root, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith(".") and not name.endswith(suffixes))
        settle(Path(root))
        shown = (name for name in sorted(names) if name.endswith((".json", ".png")) and not name.startswith("."))
        yield from (Path(root, name) for name in shown)


def _is_of_attention(path: Path) -> bool:
    """By the title that ``attention`` writes into a PNG, before its pixels."""
    if other_kind(path):
        return False
    try:
        with path.open("rb") as file:
            return PICTURE_TITLE.encode() in file.read(_HEAD_BYTES)
    except OSError:
        return False


def _is_beside_a_model(path: Path) -> bool:
    return any(path.with_suffix(suffix).exists() for suffix in by_suffix())


def _files(documents: Iterable[Document], problems: dict[str, str]) -> list[Shipped]:
    """By manifest: first those beside their files, then those that ``export --json`` printed."""
    found: dict[str, tuple[Manifest, Path]] = {}
    for kind in (Kind.MANIFEST, Kind.EXPORTS):
        for document in documents:
            for record in document.records if document.kind is kind else ():
                if not isinstance(record, Manifest):
                    continue
                place = document.path.with_name(Path(record.file).name or "?")
                try:
                    if place.exists():
                        refuse_another(place, record, document.path)
                        _refuse_another_size(place, record, document.path)
                except (ArtifactError, OSError) as error:
                    problems[str(document.path)] = str(error)
                    continue
                key = record.sha256 if kind is Kind.EXPORTS else str(place)
                if kind is Kind.MANIFEST or all(record.sha256 != other.sha256 for other, _ in found.values()):
                    found.setdefault(key, (record, place))
    labels = shortest_ends([place for _, place in found.values()])
    return [
        Shipped(label, place, place.exists(), manifest, (manifest.parity,), compat=manifest.compatibility)
        for label, (manifest, place) in zip(labels, found.values(), strict=True)
    ]


def _refuse_another_size(place: Path, record: Manifest, path: Path) -> None:
    """
    Raises:
        ArtifactError: the manifest says another size than the file has.
    """
    if record.size_bytes != (size := size_of(place)):
        raise ArtifactError(f"{path} is damaged: its size_bytes is {record.size_bytes}, and {place.name} has {size}.")


def shortest_ends(paths: Sequence[Path]) -> list[str]:
    """For each path the fewest of its last parts that no other path ends in."""
    ends = []
    for path in paths:
        depth = 1
        while depth < len(path.parts) and any(
            other is not path and other.parts[-depth:] == path.parts[-depth:] for other in paths
        ):
            depth += 1
        ends.append("/".join(path.parts[-depth:]))
    return ends
