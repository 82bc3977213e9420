"""The archive of a program: which members are read, ignored, or refused."""

import io
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

from ca_deploy.errors import ProgramError, wrong_in_file
from ca_deploy.files import other_kind

# What torch.export.save writes (torch/export/pt2_archive/_package.py, 2.9 to 2.14).
_READ = re.compile(
    r"archive_format|archive_version|models/model\.json|data/sample_inputs/model\.pt"
    r"|data/weights/(model_weights_config\.json|weight_\d+)|data/constants/(model_constants_config\.json|tensor_\d+)"
)
_NEEDED = (
    *("archive_format", "archive_version", "models/model.json", "data/sample_inputs/model.pt"),
    *("data/weights/model_weights_config.json", "data/constants/model_constants_config.json"),
)
_LEFT = re.compile(r"byteorder|(\.data/)?version|\.data/serialization_id|\.format_version|\.storage_alignment|extra/.+")
_REFUSED = (
    (r"data/aotinductor/", "belongs to a compiled library, which runs when it is loaded"),
    (r"data/constants/(custom|opaque)_obj_", "is a pickled object, and unpickling it would run code from the file"),
    (r"data/(weights|constants)/[^/]+\.pt$|serialized_", "is pickled, as before PyTorch 2.9, and could run code"),
    (r"models/|data/(weights|constants|sample_inputs)/", "is not part of the program 'model'"),
    (r"data\.pkl$|code/", "is pickled: the file is a checkpoint or TorchScript, not a program"),
)


def check_place(path: Path) -> None:
    """Reject a path that cannot be a program, before anything slow starts.

    Raises:
        ProgramError: missing, or not a regular file.
    """
    if kind := other_kind(path):
        raise ProgramError(f"Program {path} {kind}. Create one with torch.export.save(program, 'model.pt2').")


def read_members(path: Path) -> dict[str, bytes]:
    """The members of the program, by their names below the archive's top folder.

    Raises:
        ProgramError: missing; not an archive, or a damaged one; or with a member that is refused, which is named.
    """
    check_place(path)
    try:
        with path.open("rb") as file:
            start = file.read(64)
        if start.startswith(b"version https://git-lfs"):
            raise ProgramError(f"Program {path} is a Git LFS pointer, not the program. Fetch it: git lfs pull.")
        if not start.startswith(b"PK"):
            raise damaged(path, "it is not a ZIP archive" if start else "it is empty")
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            objection = unpacks_to_more(entries, path.stat().st_size)
            folder = entries[0].filename.partition("/")[0] + "/" if entries else ""
            named = {}
            for entry in entries:
                name = entry.filename.removeprefix(folder)
                objection = objection or _objection(name, twice=name in named)
                named[name] = entry
            if objection:
                raise refused(path, objection)
            missing = next((name for name in _NEEDED if name not in named), None)
            if missing:
                raise damaged(path, f"it has no member {missing}")
            return {name: archive.read(entry) for name, entry in named.items() if _READ.fullmatch(name)}
    except OSError as error:
        raise damaged(path, wrong_in_file(error)) from error
    except (zipfile.BadZipFile, EOFError, ValueError, RuntimeError) as error:  # RuntimeError: encrypted
        raise damaged(path, f"its ZIP archive is truncated or damaged: {wrong_in_file(error)}") from error


def unpacks_to_more(entries: Iterable[zipfile.ZipInfo], size: int) -> str | None:
    """Why these entries of an archive of ``size`` bytes could unpack to more than that, or None."""
    total = 0
    for entry in entries:
        if entry.compress_type != zipfile.ZIP_STORED:
            name = entry.filename[:100]
            return f"its member {name!r} is compressed, unlike what PyTorch writes, and could unpack to any size"
        total += entry.file_size
    return f"its members claim {total:,} bytes, but the file has {size:,}" if total > size else None


def rebuilt(members: dict[str, bytes]) -> io.BytesIO:
    """A fresh archive of ``members``; empties the dictionary as it goes, so that memory holds each member once."""
    from torch.export.pt2_archive import PT2ArchiveWriter

    buffer = io.BytesIO()
    with PT2ArchiveWriter(buffer) as writer:
        for name in list(members):
            writer.write_bytes(name, members.pop(name))
    buffer.seek(0)
    return buffer


def damaged(path: Path, reason: str) -> ProgramError:
    return ProgramError(
        f"{path} cannot be read as a torch.export program ({reason}). It is damaged, of another "
        "format, or was saved by a newer PyTorch. Save it again with torch.export.save(program, 'model.pt2')."
    )


def refused(path: Path, objection: str) -> ProgramError:
    return ProgramError(
        f"Program {path} was refused: {objection}. Save it again with torch.export.save(program, 'model.pt2') from "
        "PyTorch 2.9 or newer, without tensor subclasses, custom objects, or operators of other libraries."
    )


def _objection(name: str, twice: bool) -> str | None:
    if twice:
        return f"it has two members {name[:100]!r}, and readers differ in which one they see"
    if _READ.fullmatch(name) or _LEFT.fullmatch(name):
        return None
    reasons = [why for pattern, why in _REFUSED if re.match(pattern, name)]
    return f"its member {name[:100]!r} {reasons[0] if reasons else 'is not one that torch.export.save writes'}"
