"""The inputs that a program was traced with: the only pickled member of an ordinary program."""

import io
import pickle
import re
import zipfile
from collections.abc import Iterator, Mapping
from itertools import islice

from ca_deploy.programs.archive import unpacks_to_more
from ca_deploy.programs.trees import is_key

MEMBER = "data/sample_inputs/model.pt"
_MOST_PARTS = 100_000


def objection(content: bytes) -> str | None:
    """Why reading ``content`` could run code, or None. Reads it with ``torch.load(weights_only=True)``."""
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
    keys = list(islice(_keys(inputs), _MOST_PARTS + 1))
    if len(keys) > _MOST_PARTS:
        return f"the example inputs in {MEMBER} have more than {_MOST_PARTS:,} parts, or parts that contain each other"
    strange = [key for key in keys if key is not None and not is_key(key)]
    return f"the key {strange[0]!r} of the example inputs in {MEMBER} could run as code" if strange else None


def _keys(inputs: object) -> Iterator[object]:
    """The keys of all dictionaries, and None for each part; a part that occurs twice is visited twice."""
    yield None
    if isinstance(inputs, Mapping):
        for key, value in inputs.items():
            yield key
            yield from _keys(value)
    elif isinstance(inputs, list | tuple):
        for value in inputs:
            yield from _keys(value)
