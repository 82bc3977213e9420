"""Programs that run code when PyTorch reads or runs them; each, if it succeeds, leaves a file where it is told to."""

import io
import json
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

Members = dict[str, bytes]

PROGRAM = "models/model.json"
WEIGHTS = "data/weights/model_weights_config.json"
CONSTANTS = "data/constants/model_constants_config.json"
INPUTS = "data/sample_inputs/model.pt"


class Plain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        return y


class Branches(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x - 1, (x,))
        return y


class Told(nn.Module):
    """Takes a text beside the image, and an image in a dictionary."""

    def forward(self, x: Tensor, mode: str, more: dict[str, Tensor]) -> Tensor:
        return x + more["image"]


def programs(folder: Path) -> dict[str, Path]:
    """Ordinary programs to tamper with; their first size is free."""
    x, free = torch.ones(2, 4), {0: torch.export.Dim.AUTO}
    made = {
        "plain": torch.export.export(Plain().eval(), (x,), dynamic_shapes=(free,)),
        "branches": torch.export.export(Branches(), (x,)),
        "told": torch.export.export(Told(), (x, "fast", {"image": x})),
    }
    for name, program in made.items():
        torch.export.save(program, folder / f"{name}.pt2")
    return {name: folder / f"{name}.pt2" for name in made}


def members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {entry.filename.partition("/")[2]: archive.read(entry) for entry in archive.infolist()}


def write(path: Path, content: Members, folder: str = "archive/") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in content.items():
            archive.writestr(folder + name, data)
    return path


def edit(content: Members, change: Callable[[Any], object], member: str = PROGRAM) -> None:
    """Let ``change`` alter the JSON of a member in place."""
    parsed = json.loads(content[member])
    change(parsed)
    content[member] = json.dumps(parsed).encode()


def rename(content: Members, old: str, new: str) -> None:
    """Call something in a program, and its weights, by another name, wherever that stands."""
    for member in (PROGRAM, WEIGHTS):
        content[member] = content[member].replace(json.dumps(old).encode(), json.dumps(new).encode())


def code(canary: Path) -> str:
    """An expression that makes the file ``canary``; it holds no quotes and no dots."""
    return f"exec(bytes([{','.join(str(byte) for byte in f'open({str(canary)!r}, chr(119))'.encode())}]))"


class Trap:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return exec, (f"open({str(self.canary)!r}, 'w')",)


def pickled(canary: Path) -> bytes:
    buffer = io.BytesIO()
    torch.save(Trap(canary), buffer)
    return buffer.getvalue()


def planted_module(canary: Path) -> str:
    """The name of a module beside ``canary``, which makes it when it is imported."""
    name = f"planted_{canary.stem}"
    source = f"import enum\nopen({str(canary)!r}, 'w')\nclass Choice(enum.Enum):\n    one = 1\n"
    (canary.parent / f"{name}.py").write_text(source)
    return name


def _nodes(program: Any) -> Any:
    return program["graph_module"]["graph"]["nodes"]


def _signature(program: Any) -> Any:
    return program["graph_module"]["module_call_graph"][0]["signature"]


def _call(target: str, *arguments: tuple[str, str, object], gives: str = "as_none") -> dict[str, Any]:
    """A node that calls ``target`` with ``(name, kind, value)`` and gives nothing, or the tensor ``extra``."""
    return {
        "target": target,
        "inputs": [{"name": name, "arg": {kind: value}, "kind": 1} for name, kind, value in arguments],
        "outputs": [{"as_tensor": {"name": "extra"}} if gives == "as_tensor" else {"as_none": True}],
        "metadata": {},
        "name": "extra",
    }


def _calls(*arguments: Any, **gives: str) -> Callable[[Any], object]:
    def change(program: Any) -> None:
        values = program["graph_module"]["graph"]["tensor_values"]
        values["extra"] = values["linear"]
        _nodes(program).insert(0, _call(*arguments, **gives))

    return change


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


def _operator(target: str, *arguments: tuple[str, str, object], gives: str = "as_none") -> Any:
    def tamper(content: Members, canary: Path) -> None:
        named = {"CANARY": str(canary), "CLASS": f"{planted_module(canary)}.Choice", "COMMAND": f"touch {canary}"}
        filled = [(name, kind, named.get(str(value), value)) for name, kind, value in arguments]
        edit(content, _calls(target, *filled, gives=gives))

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
        leaf = {"type": None, "context": None, "children_spec": []}
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

    ``live``: PyTorch 2.13 runs it. Else it has a check of its own, or nothing that uses the text.
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
    Vector("example_inputs_key", _input_key, "the key '\", exec(", base="told"),
    Vector("second_program", _second_program, "'models/other.json'"),
    Vector("compiled_library", _compiled, "'data/aotinductor/model/a.wrapper.so'"),
    Vector("size_expression", _size, "the size expression \"open('"),
    Vector("guard", _guard("CODE is None"), "the guard 'exec("),
    Vector("guard_message", _guard("'\", CODE, \"' != ''"), "the guard '"),
    Vector("guard_on_input", _guard("L['x'].size()[CODE or 0] == 2"), "the guard \"L['x'].size()[exec("),
    Vector(
        "importing_operator",
        _operator("torch.export.custom_ops._call_custom_autograd_function_in_pre_dispatch", ("", "as_string", "CLASS")),
        "'torch.export.custom_ops._call_custom_autograd_function_in_pre_dispatch'",
    ),
    Vector(
        "file_operator",
        _operator(
            "torch.ops.aten.from_file.default",
            *(("filename", "as_string", "CANARY"), ("shared", "as_bool", True), ("size", "as_int", 4)),
            gives="as_tensor",
        ),
        "the operator 'torch.ops.aten.from_file.default'",
    ),
    Vector(
        "python_function",
        _operator("torch.os.system", ("", "as_string", "COMMAND")),
        "the operator 'torch.os.system'",
        live=False,
    ),
    Vector(
        "operator_argument",
        _operator(
            "torch.ops.higher_order.wrap_with_set_grad_enabled",
            *(("", "as_bool", True), ("", "as_operator", "torch.os.system"), ("", "as_string", "COMMAND")),
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
    Vector("text_input", _text, "the text \"fast' + str(exec(", base="told"),
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
