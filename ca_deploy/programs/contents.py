"""Finds every string in a program's members that could run as code, following PyTorch's own schema.

Loading (``GraphModuleDeserializer`` in torch/_export/serde/serialize.py) and running a program generate Python source
from names, look up operators by name, evaluate expressions and build containers. Which strings are safe depends on the
field.
"""

import dataclasses
import json
import types
import typing
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from ca_deploy.programs import example_inputs
from ca_deploy.programs.expressions import is_guard, is_size
from ca_deploy.programs.operators import is_operator
from ca_deploy.programs.trees import is_tree

_PROGRAM = "models/model.json"


def _is_name(text: str) -> bool:
    return text == "" or (text.isidentifier() and not _is_pythons(text))


def _is_attribute(text: str) -> bool:
    """``features.0.weight``; FX writes ``getattr(self, "…")`` around a part that is not an identifier."""
    pythons = any(_is_pythons(part) for part in text.split("."))
    return text.isprintable() and not pythons and not set(text) & set("\"'\\")


def _is_pythons(name: str) -> bool:
    """``__class__`` and the like, after the normalisation of Python's parser (https://peps.python.org/pep-3131)."""
    return unicodedata.normalize("NFKC", name).startswith("__")


def _is_anything(_text: str) -> bool:
    return True


def _is_never(_text: str) -> bool:
    return False


# By class and field of torch/_export/serde/schema.py, or by the tag of a union; any other field is a name.
_RULES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "SymExpr.expr_str": ("size expression", is_size),
    "ExportedProgram.range_constraints key": ("size expression", is_size),
    "ExportedProgram.guards_code": ("guard", is_guard),
    "Node.target": ("operator", is_operator),
    ".as_operator": ("operator", is_operator),
    "ModuleCallSignature.in_spec": ("container", is_tree),
    "ModuleCallSignature.out_spec": ("container", is_tree),
    "CustomObjArgument.class_fqn": ("custom object", _is_never),
    "InputToParameterSpec.parameter_name": ("parameter", _is_attribute),
    "InputToBufferSpec.buffer_name": ("buffer", _is_attribute),
    "InputToTensorConstantSpec.tensor_constant_name": ("constant", _is_attribute),
    "BufferMutationSpec.buffer_name": ("buffer", _is_attribute),
    "ParameterMutationSpec.parameter_name": ("parameter", _is_attribute),
    "GradientToParameterSpec.parameter_name": ("parameter", _is_attribute),
    "ModuleCallEntry.fqn": ("module", _is_attribute),
    "PayloadConfig.config key": ("weight", _is_attribute),
    # Arguments of operators become literals; inputs of the graph are only put between quotes.
    "NamedArgument.arg.as_string": ("text", _is_anything),
    "NamedArgument.arg.as_strings": ("text", _is_anything),
    ".as_string": ("text", _is_attribute),
    ".as_strings": ("text", _is_attribute),
    "Node.metadata": ("note", _is_anything),
    "Node.metadata key": ("note", _is_anything),
    "GraphModule.metadata": ("note", _is_anything),
    "GraphModule.metadata key": ("note", _is_anything),
    "GraphModule.treespec_namedtuple_fields key": ("note", _is_anything),
    "ExportedProgram.opset_version key": ("version", _is_anything),
    "ExportedProgram.torch_version": ("version", _is_anything),
}


def objections(members: Mapping[str, bytes]) -> Iterator[str]:
    """Every reason not to load these members: what could run as code, and where it is.

    Raises:
        ValueError, LookupError, RecursionError: the content does not follow the schema.
    """
    from torch._export.serde import schema

    for kind, record in (("weights", "weight"), ("constants", "tensor")):
        name = f"data/{kind}/model_{kind}_config.json"
        payloads = _json(members[name])
        yield from _texts_that_run(name, payloads, schema.PayloadConfig)
        for weight, meta in payloads["config"].items():
            content = members.get(f"data/{kind}/{meta['path_name']}")
            if meta["use_pickle"]:
                yield f"{weight!r} in {name} is pickled (use_pickle), and unpickling it would run code from the file"
            elif content is None or not meta["path_name"].startswith(record):
                yield f"{weight!r} in {name} is stored in {meta['path_name']!r}, which is not among the {kind}"
            elif not content and all(side["as_int"] for side in meta["tensor_meta"]["sizes"]):
                yield f"{weight!r} in {name} has no values: its record {meta['path_name']} is empty"
    yield from _texts_that_run(_PROGRAM, _json(members[_PROGRAM]), schema.ExportedProgram)
    inputs = example_inputs.objection(members[example_inputs.MEMBER])
    if inputs is not None:
        yield inputs


def _json(content: bytes) -> Any:
    return json.loads(content.decode("utf-8"))


def _texts_that_run(member: str, content: object, schema: Any) -> Iterator[str]:
    for place, text in _texts(content, schema, schema.__name__):
        what, passes = _RULES.get(place) or _RULES.get(place[place.rfind(".") :]) or ("name", _is_name)
        if not passes(text):
            shown = text if len(text) <= 120 else text[:120] + "…"
            yield f"the {what} {shown!r} in {member} is not one that networks contain, and could run as code"


def _texts(value: object, hint: Any, place: str) -> Iterator[tuple[str, str]]:
    """(field of the schema, string) for every string in ``value``, which is JSON of the type ``hint``."""
    alternatives = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    if value is None and types.NoneType in alternatives:
        return
    hint = alternatives[0]
    is_record, is_union = dataclasses.is_dataclass(hint), hasattr(hint, "create")  # _Union.create
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is list and isinstance(value, list):
        for item in value:
            yield from _texts(item, inner[0], place)
    elif origin is dict and isinstance(value, dict):
        for key, item in value.items():
            yield f"{place} key", key
            yield from _texts(item, inner[1], place)
    elif is_record and isinstance(value, dict):
        for name, field_hint in _fields(hint).items():  # PyTorch ignores unknown fields, which newer versions add
            if name in value:
                yield from _texts(value[name], field_hint, f"{place if is_union else hint.__name__}.{name}")
    elif hint is str and isinstance(value, str):
        yield place, value
    elif not _is_number(value, hint):
        raise ValueError(f"{place} is {value!r:.60}")


@cache
def _fields(schema: Any) -> dict[str, Any]:
    import torch._export.serde.schema

    return typing.get_type_hints(schema, vars(torch._export.serde.schema))


def _is_number(value: object, hint: object) -> bool:
    if hint is float:  # JSON has no infinity, so PyTorch writes a string
        return type(value) in (int, float) or value in ("Infinity", "-Infinity", "NaN")
    if hint is bool:
        return type(value) is bool
    return isinstance(hint, type) and issubclass(hint, int) and type(value) is int
