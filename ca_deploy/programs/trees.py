"""The nesting of a program's inputs and outputs, as read by ``treespec_loads`` (torch/utils/_pytree.py, 2.13).

That function imports the module of an enum, or of a ``defaultdict``'s factory, by the name in the file. So only plain
containers are accepted.
"""

import json
import re
from typing import Any

_CONTAINERS = re.compile(
    r"builtins\.(tuple|list|dict)|collections\.(OrderedDict|deque)|torch\.Size"
    r"|torch\.fx\.immutable_collections\.immutable_(list|dict)"
)
_KEY = re.compile(r"[\w.\- ]*")


def is_tree(text: str) -> bool:
    """Whether ``text`` nests plain containers: ``[1, {"type": "builtins.tuple", "context": "null", …}]``."""
    try:
        protocol, tree = json.loads(text)
        return protocol == 1 and _is_plain(tree)
    except (ValueError, LookupError, TypeError, RecursionError):  # not a tree at all
        return False


def _is_plain(tree: dict[str, Any]) -> bool:
    if tree["type"] is None:
        return tree["context"] is None and tree["children_spec"] == []
    keys = json.loads(tree["context"])
    return (
        _CONTAINERS.fullmatch(tree["type"]) is not None
        and (keys is None or isinstance(keys, int) or (isinstance(keys, list) and all(map(is_key, keys))))
        and all(map(_is_plain, tree["children_spec"]))
    )


def is_key(key: object) -> bool:
    """Whether ``key`` may name a part of the inputs: PyTorch writes it into the source code of guards."""
    return isinstance(key, int) or (isinstance(key, str) and _KEY.fullmatch(key) is not None)
