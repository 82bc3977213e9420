"""The inputs that a program was traced with: the one pickled part that an ordinary program has."""

import io
import pickle
import re
import zipfile
from collections.abc import Mapping

from ca_deploy.programs.archive import unpacks_to_more

MEMBER = "data/sample_inputs/model.pt"
# Their keys become part of the source code of the program's guards (_convert_guards_code_to_fn, PyTorch 2.13).
_KEY = re.compile(r"[\w.\- ]*")


def objection(content: bytes) -> str | None:
    """Why reading ``content`` could run code, or None. Reads it as ``torch.load(weights_only=True)`` does."""
    import torch

    if not content:
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = unpacks_to_more(archive.infolist(), len(content))
        if found is not None:
            return f"in {MEMBER}, {found}"
        inputs = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except (zipfile.BadZipFile, pickle.UnpicklingError) as error:
        names = re.search(r"(?:GLOBAL|function|class) `?([\w.]+)", str(error))
        carried = f" ({names.group(1)})" if names else ""
        return f"the example inputs in {MEMBER} are not plain tensors{carried}, and unpickling them would run code"
    key = _strange_key(inputs)
    return f"the key {key!r} of the example inputs in {MEMBER} would run as code" if key is not None else None


def _strange_key(inputs: object) -> object:
    if isinstance(inputs, Mapping):
        for key, value in inputs.items():
            strange = key if not isinstance(key, int | str) or not _KEY.fullmatch(str(key)) else _strange_key(value)
            if strange is not None:
                return strange
    elif isinstance(inputs, list | tuple):
        return next((key for key in map(_strange_key, inputs) if key is not None), None)
    return None
