"""LiteRT's GPU delegate: the runtime's analyzer where it is reliable, and rules for the rest."""

import re
from dataclasses import replace
from importlib.metadata import version

from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert._pywrap_analyzer_wrapper import ModelAnalyzer

from ca_deploy.delivery.scratch import temporary
from ca_deploy.graphs import flatbuffer
from ca_deploy.records.compat import CompatReport, Evidence, Verdict
from ca_deploy.targets import Request
from ca_deploy.targets._partitions import assess
from ca_deploy.targets._rules import judge, load_rules

_COMPLAINT = "GPU COMPATIBILITY WARNING: "


def check(request: Request) -> CompatReport:
    """See :class:`ca_deploy.targets.Checker`."""
    rules, analyzer = load_rules("litert_gpu"), f"ModelAnalyzer of LiteRT {version('ai-edge-litert')}"
    findings = list(judge(rules, request.graph, 0))
    notes = []
    if tells_anything():
        request.step("running LiteRT's analyzer")
        for index, reason in complaints(str(request.path)).items():
            findings[index] = replace(
                findings[index], verdict=Verdict.FALLS_BACK, evidence=Evidence.CHECKER, source=analyzer, reason=reason
            )
    else:
        notes.append(
            f"{analyzer} reports every operator as compatible, even UNIQUE, which no GPU delegate supports: it was "
            "not used, and all verdicts are by rule."
        )
    title = f"by rule: {rules.version}" if notes else f"{analyzer}, and rules: {rules.version}"
    report = CompatReport("litert_gpu", title, request.path.name, tuple(findings), notes=tuple(notes))
    return assess(report, request.graph)


def complaints(path: str) -> dict[int, str]:
    """Operator index -> the analyzer's objection."""
    found, index = {}, -1
    for line in ModelAnalyzer(path, True, True).splitlines():
        if place := re.match(r"\s*Op#(\d+) ", line):
            index = int(place.group(1))
        if _COMPLAINT in line and index >= 0:
            found[index] = line.partition(_COMPLAINT)[2].strip()
    return found


def tells_anything() -> bool:
    """Whether the analyzer rejects an operator that no GPU delegate supports; the one in LiteRT 2.3.0 does not."""
    model, graph, code, unique = schema.ModelT(), schema.SubGraphT(), schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.UNIQUE
    code.version = 1
    graph.tensors = []
    for name in (b"x", b"values", b"places"):
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, [4], schema.TensorType.FLOAT32, 0
        graph.tensors.append(tensor)
    unique.opcodeIndex, unique.inputs, unique.outputs = 0, [0], [1, 2]
    graph.operators, graph.inputs, graph.outputs = [unique], [0], [1, 2]
    model.version, model.operatorCodes, model.subgraphs, model.buffers = 3, [code], [graph], [schema.BufferT()]
    with temporary() as folder:
        file = folder / "unique.tflite"
        file.write_bytes(flatbuffer.write(model))
        return bool(complaints(str(file)))
