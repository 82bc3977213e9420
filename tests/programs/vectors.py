"""Every way in which a program runs code that we know of, when PyTorch reads, runs or decomposes it."""

import io
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.programs.hostile import (
    CONSTANTS,
    INPUTS,
    PROGRAM,
    WEIGHTS,
    Members,
    Trap,
    code,
    edit,
    pickled,
    planted_module,
    rename,
)


def _nodes(program: Any) -> Any:
    return program["graph_module"]["graph"]["nodes"]


def _signature(program: Any) -> Any:
    return program["graph_module"]["module_call_graph"][0]["signature"]


def _pickled_weight(content: Members, canary: Path) -> None:
    def change(payloads: Any) -> None:
        payloads["config"]["layer.weight"]["use_pickle"] = True
        content[f"data/weights/{payloads['config']['layer.weight']['path_name']}"] = pickled(canary)

    edit(content, change, WEIGHTS)


def _constant(record: str, data: Callable[[Path], bytes]) -> Callable[[Members, Path], None]:
    meta = {"path_name": record, "is_param": False, "use_pickle": True, "tensor_meta": None}

    def tamper(content: Members, canary: Path) -> None:
        edit(content, lambda payloads: payloads["config"].update(extra=meta), CONSTANTS)
        content[f"data/constants/{record}"] = data(canary)

    return tamper


def _member(name: str) -> Callable[[Members, Path], None]:
    return lambda content, canary: content.update({name: pickled(canary)})


def _second_program(content: Members, canary: Path) -> None:
    for name in (PROGRAM, INPUTS, CONSTANTS):
        content[name.replace("model.", "other.").replace("model_", "other_")] = content[name]
    content["data/weights/other.pt"] = pickled(canary)


def _of_pytorch_2_7(content: Members, canary: Path) -> None:
    program = content[PROGRAM]
    content.clear()
    content.update(dict.fromkeys(["serialized_constants.pt", "serialized_example_inputs.pt"], b""))
    content["version"] = b"8.20"
    content |= {"serialized_exported_program.json": program, "serialized_state_dict.pt": pickled(canary)}


def _compiled(content: Members, canary: Path) -> None:
    source, library = canary.with_suffix(".c"), canary.with_suffix(".so")
    text = '#include <stdio.h>\n__attribute__((constructor)) static void start(void) { fclose(fopen("%s", "w")); }\n'
    source.write_text(text % canary)
    command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-o", str(library), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    content["data/aotinductor/model/a.wrapper.so"] = library.read_bytes()
    content["data/aotinductor/model/a.wrapper_metadata.json"] = json.dumps({"AOTI_DEVICE_KEY": "cpu"}).encode()


def _size(content: Members, canary: Path) -> None:
    def change(program: Any) -> None:
        for value in program["graph_module"]["graph"]["tensor_values"].values():
            for side in value["sizes"]:
                if "as_expr" in side:
                    side["as_expr"]["expr_str"] = f"open({str(canary)!r}, 'w')"

    edit(content, change)


def _guard(guard: str) -> Callable[[Members, Path], None]:
    return lambda content, canary: edit(
        content, lambda program: program.update(guards_code=[guard.replace("CODE", code(canary))])
    )


def _operator(target: str, *arguments: tuple[str, object], names: str = "", gives: bool = False) -> Any:
    """A first node that calls ``target`` with ``(kind, value)``, and gives nothing or the tensor ``extra``."""

    def tamper(content: Members, canary: Path) -> None:
        known = {"CANARY": str(canary), "CLASS": f"{planted_module(canary)}.Choice", "COMMAND": f"touch {canary}"}
        named = zip(names.split() or [""] * len(arguments), arguments, strict=True)
        node = {
            "target": target,
            "inputs": [{"name": n, "arg": {kind: known.get(str(v), v)}, "kind": 1} for n, (kind, v) in named],
            "outputs": [{"as_tensor": {"name": "extra"}} if gives else {"as_none": True}],
            "metadata": {},
            "name": "extra",
        }

        def change(program: Any) -> None:
            values = program["graph_module"]["graph"]["tensor_values"]
            values["extra"] = values["linear"]
            _nodes(program).insert(0, node)

        edit(content, change)

    return tamper


def _keyword(content: Members, canary: Path) -> None:
    def change(program: Any) -> None:
        (node,) = [node for node in _nodes(program) if node["target"].endswith("cond")]
        node["inputs"].append({"name": f"a={code(canary)}, b", "arg": {"as_int": 1}, "kind": 2})

    edit(content, change)


def _argument_name(content: Members, canary: Path) -> None:
    edit(content, lambda program: _signature(program).update(forward_arg_names=["x", f"y={code(canary)}"]))


def _text(content: Members, canary: Path) -> None:
    rename(content, "fast", f"fast' + str({code(canary)}) + '")


def _tree(kind: str, context: Callable[[str], object]) -> Callable[[Members, Path], None]:
    def tamper(content: Members, canary: Path) -> None:
        leaf: dict[str, object] = {"type": None, "context": None, "children_spec": []}
        tree = {"type": kind, "context": context(planted_module(canary)), "children_spec": [leaf]}
        edit(content, lambda program: _signature(program).update(out_spec=json.dumps([1, tree])))

    return tamper


def _input_key(content: Members, canary: Path) -> None:
    x = torch.ones(2, 4)
    buffer = io.BytesIO()
    torch.save(((x, "fast", {f'", {code(canary)}, "': x}), {}), buffer)
    content[INPUTS] = buffer.getvalue()


_THROUGH = '__class__"), {}, str("'  # out of FX's getattr(self, "…") and into it again


@dataclass(frozen=True, slots=True)
class Vector:
    """One way to run code: how to tamper with which program, and the culprit that a refusal has to name.

    ``live``: PyTorch 2.13 runs it. Otherwise PyTorch has a check of its own, or nothing uses the text.
    """

    name: str
    tamper: Callable[[Members, Path], None]
    culprit: str
    base: str = "plain"
    live: bool = True


VECTORS = [
    Vector("pickled_weight", _pickled_weight, f"'layer.weight' in {WEIGHTS} is pickled (use_pickle)"),
    Vector("pickled_constant", _constant("tensor_0", pickled), f"'extra' in {CONSTANTS} is pickled (use_pickle)"),
    Vector("opaque_object", _constant("opaque_obj_0", lambda c: pickle.dumps(Trap(c))), "constants/opaque_obj_0'"),
    Vector("custom_object", _constant("custom_obj_0", pickled), "constants/custom_obj_0'", live=False),
    Vector("weights_of_2_8", _member("data/weights/model.pt"), "'data/weights/model.pt' is pickled"),
    Vector("constants_of_2_8", _member("data/constants/model.pt"), "'data/constants/model.pt' is pickled"),
    Vector("program_of_2_7", _of_pytorch_2_7, "serialized_"),
    Vector("example_inputs", _member(INPUTS), f"{INPUTS} are not plain tensors (exec)"),
    Vector("example_inputs_key", _input_key, "the key '\", exec(", base="with_text"),
    Vector("second_program", _second_program, "'models/other.json'"),
    Vector("compiled_library", _compiled, "'data/aotinductor/model/a.wrapper.so'"),
    Vector("size_expression", _size, "the size expression \"open('"),
    Vector("guard", _guard("CODE is None"), "the guard 'exec("),
    Vector("guard_message", _guard("'\", CODE, \"' != ''"), "the guard '"),
    Vector("guard_on_input", _guard("L['x'].size()[CODE or 0] == 2"), "the guard \"L['x'].size()[exec("),
    Vector(
        "importing_operator",
        _operator("torch.export.custom_ops._call_custom_autograd_function_in_pre_dispatch", ("as_string", "CLASS")),
        "'torch.export.custom_ops._call_custom_autograd_function_in_pre_dispatch'",
    ),
    Vector(
        "file_operator",
        _operator(
            "torch.ops.aten.from_file.default",
            *(("as_string", "CANARY"), ("as_bool", True), ("as_int", 4)),
            names="filename shared size",
            gives=True,
        ),
        "the operator 'torch.ops.aten.from_file.default'",
    ),
    Vector(
        "python_function",
        _operator("torch.os.system", ("as_string", "COMMAND")),
        "the operator 'torch.os.system'",
        live=False,
    ),
    Vector(
        "operator_argument",
        _operator(
            "torch.ops.higher_order.wrap_with_set_grad_enabled",
            *(("as_bool", True), ("as_operator", "torch.os.system"), ("as_string", "COMMAND")),
        ),
        "the operator 'torch.os.system'",
        live=False,
    ),
    Vector("tensor_name", lambda m, c: rename(m, "linear", f"a = {code(c)} #"), "the name 'a = exec(", live=False),
    Vector("input_name", lambda m, c: rename(m, "x", f"x={code(c)}"), "the name 'x=exec("),
    Vector("argument_name", _argument_name, "the name 'y=exec("),
    Vector("keyword", _keyword, "the name 'a=exec(", base="branches"),
    Vector(
        "branch_name",
        lambda m, c: rename(m, "true_graph_0", _THROUGH.format(code(c))),
        "the name '__class__\"), exec(",
        base="branches",
    ),
    Vector(
        "weight_name",
        lambda m, c: rename(m, "layer.weight", _THROUGH.format(code(c))),
        "the weight '__class__\"), exec(",
    ),
    Vector("text_input", _text, "the text \"fast' + str(exec(", base="with_text"),
    Vector(
        "enumeration",
        _tree("builtins.dict", lambda m: json.dumps([{"__enum__": True, "fqn": f"{m}:Choice", "name": "one"}])),
        '"__enum__',
    ),
    Vector(
        "default_factory",
        _tree(
            "collections.defaultdict",
            lambda m: {"default_factory_module": m, "default_factory_name": "Choice", "dict_context": ["a"]},
        ),
        "collections.defaultdict",
    ),
]
