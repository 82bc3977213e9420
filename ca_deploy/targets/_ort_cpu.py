"""ONNX Runtime's CPU provider: what it fuses, and what stays float inside an INT8 model."""

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import replace
from functools import cached_property
from importlib.metadata import version
from pathlib import Path

import onnx
from onnx import TensorProto

from ca_deploy.errors import ArtifactError, first_line
from ca_deploy.graphs import Graph, Node, read
from ca_deploy.graphs import onnx as reader
from ca_deploy.graphs.onnx_nodes import all_nodes
from ca_deploy.graphs.ort_plan import of_this_version, planned
from ca_deploy.records.compat import CompatReport, Evidence, Finding, Verdict
from ca_deploy.targets import Request
from ca_deploy.targets._advice import advice_for, load_advice
from ca_deploy.targets._detections import detections_note
from ca_deploy.targets._partitions import assess, without_accelerator
from ca_deploy.targets._remedies import Remedy, with_remedy

_QUANTISE = ("QuantizeLinear", "DequantizeLinear")
_SIXTEEN_BITS = ("int16", "uint16")
_INTEGERS = (TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16)
# These move or select elements without computing, so float costs nothing.
_BOOKKEEPING = ("Constant", "Shape", "Identity", "Cast", "Gather", "Unsqueeze", "Squeeze", "Range", "ConstantOfShape")
_ALL_OR_NOTHING = Remedy("Quantise the float operator, or keep its neighbours in float too.")
_EIGHT = Remedy("Quantise activations to 8 bits for this processor; files with 16 bits are for NPUs.")
_QUANTISE_IT = Remedy("Quantise it, or move it out of the integer part of the network.")


def check(request: Request) -> CompatReport:
    """See :class:`ca_deploy.targets.Checker`."""
    graph, model = request.graph, reader.load(request.path)
    runtime = f"ONNX Runtime {version('onnxruntime')}, CPU ({request.level})"
    request.step("planning the graph")
    try:
        plan = planned(model, arm=request.level == "arm", disabled_optimizers=())
    except Exception as error:  # onnxruntime raises another exception class per kind of failure
        if not of_this_version(error):
            raise ArtifactError(
                f"{request.path} is not a valid model ({runtime}): {first_line(error)}. Export it again."
            ) from error
        return _refused(request, runtime, error)
    outcome = _Outcome(model, plan, graph)
    advice = load_advice("ort_cpu")
    findings = []
    for node in graph.nodes:
        made = Finding(
            node.index, node.name, node.module, node.operator, Verdict.ACCELERATED, Evidence.MEASURED, runtime
        )
        if reason := outcome.left_over(node):
            made = replace(made, verdict=Verdict.FALLS_BACK, reason=reason)
            made = with_remedy(made, _EIGHT if outcome.has_16_bits(node) else _ALL_OR_NOTHING, graph)
        elif outcome.is_static and outcome.is_float(node) and outcome.has_16_bits(node) and not node.finds_detections:
            reason = "it runs in float, between 16-bit integers: the CPU provider has 8-bit kernels only"
            made = with_remedy(replace(made, verdict=Verdict.FLOAT_IN_INT8, reason=reason), _EIGHT, graph)
        elif outcome.is_static and outcome.is_float(node) and not node.finds_detections:
            said = advice_for(advice, node.operator, "int8")
            reason = "it runs in float between a DequantizeLinear and a QuantizeLinear"
            made = replace(made, verdict=Verdict.FLOAT_IN_INT8, reason=reason + (f": {said.reason}" if said else ""))
            made = with_remedy(made, said.remedy if said else _QUANTISE_IT, graph)
        findings.append(made)
    notes = [f"{len(graph.nodes)} nodes become {sum(1 for _ in all_nodes(plan.graph))}: {outcome.fusions()}."]
    if outcome.is_dynamic:
        notes.append("Quantised dynamically: convolutions and matrix products in integers, all else in float.")
    if note := detections_note(graph):
        notes.append(note)
    report = assess(CompatReport("ort_cpu", runtime, request.path.name, tuple(findings), notes=tuple(notes)), graph)
    # The provider runs branches and bodies too: without islands of float, nothing breaks the model.
    return report if report.findings else replace(report, measured_partitions=1)


def brief(path: Path) -> str:
    """See :class:`ca_deploy.targets.Brief`: of an integer file, the operators that ONNX Runtime computes in float."""
    graph, model = read(path), reader.load(path)
    if not graph.is_integer:
        return ""
    outcome = _Outcome(model, planned(model, disabled_optimizers=()), graph)
    if not outcome.is_static:
        return ""
    inside = (node for node in graph.nodes if not node.finds_detections)
    islands = _connected(graph, {node.index for node in inside if outcome.is_float(node)})
    if not islands:
        but = " but those that find detections" if any(node.finds_detections for node in graph.nodes) else ""
        return f"ONNX Runtime computes every operator in integers on ARM{but}"
    count = sum(map(len, islands))
    return (
        f"ONNX Runtime computes {count} operator{'s' if count > 1 else ''} in float on ARM, in {len(islands)} "
        f"island{'s' if len(islands) > 1 else ''} between integer ones"
    )


def _connected(graph: Graph, chosen: Collection[int]) -> list[set[int]]:
    """The chosen nodes, those together that pass tensors to each other."""
    producers = graph.producers
    islands: list[set[int]] = []
    for index in sorted(chosen):
        makers = {producers[tensor].index for tensor in graph.nodes[index].inputs if tensor in producers}
        joined = [island for island in islands if island & makers]
        islands = [island for island in islands if island not in joined]
        islands.append({index}.union(*joined))
    return islands


class _Outcome:
    """The optimised graph next to the original; nodes and tensors that survive optimisation keep their names."""

    def __init__(self, model: onnx.ModelProto, plan: onnx.ModelProto, graph: Graph) -> None:
        self._graph = graph
        planned_nodes = list(all_nodes(plan.graph))
        self._makers = {name: node for node in planned_nodes for name in node.output}
        names = Counter(node.name for node in (*planned_nodes, *all_nodes(model.graph)) if node.name)
        self._named = {node.name: node for node in planned_nodes if names[node.name] == 2}  # once in each graph
        values = (*model.graph.value_info, *plan.graph.value_info, *plan.graph.input, *plan.graph.output)
        types = {v.name: v.type.tensor_type.elem_type for v in values if v.type.tensor_type.elem_type}
        types |= {n.output[0]: TensorProto.INT8 for n in planned_nodes if n.op_type == "QuantizeLinear"}
        self._types = types | {n.output[0]: TensorProto.INT8 for n in planned_nodes if n.op_type.startswith("QLinear")}
        self._consumers, self._producers = graph.consumers, graph.producers
        self._planned = planned_nodes
        behind = {tensor for node in graph.nodes if node.finds_detections for tensor in node.inputs}
        self._edge = {*graph.inputs, *graph.outputs, *behind}

    @cached_property
    def is_static(self) -> bool:
        """Whether activations are quantised by scales in the file, so that float between them is a break."""
        operators = {node.operator for node in self._graph.nodes}
        return self._graph.is_integer and any(
            name == "QuantizeLinear" or name.startswith("QLinear") for name in operators
        )

    @cached_property
    def is_dynamic(self) -> bool:
        """Whether activations are quantised by scales that are found at run time."""
        return any(node.operator == "DynamicQuantizeLinear" for node in self._graph.nodes)

    def has_16_bits(self, node: Node) -> bool:
        """Whether a node is, stands between, or belongs to conversions of 16-bit activations."""
        near = [self._producers[t] for t in node.inputs if t in self._producers]
        near += [reader_ for t in node.outputs for reader_ in self._consumers.get(t, ())]
        touched = [t for each in (node, *near) if each.operator in _QUANTISE for t in (*each.inputs[:1], *each.outputs)]
        return any(self._graph.tensors[t].dtype in _SIXTEEN_BITS for t in touched)

    def left_over(self, node: Node) -> str:
        """Why a Q or DQ node is redundant; "" if it was fused, or converts an input or output of the model."""
        if node.operator not in _QUANTISE or self._edge & {*node.inputs[:1], *node.outputs}:
            return ""
        tensor = self._graph.tensors[node.outputs[0]].name
        maker = self._makers.get(tensor)
        if maker is None or maker.op_type not in _QUANTISE or self._graph.tensors[node.inputs[0]].constant:
            return ""
        return f"this {node.operator} was not fused: the operator next to it runs in float"

    def is_float(self, node: Node) -> bool:
        """Whether the node computes in float."""
        if node.operator in _QUANTISE or node.operator in _BOOKKEEPING:
            return False
        maker = self._executed(node)
        if maker is None or maker.op_type in _QUANTISE:
            return False
        touched = {self._types.get(name, TensorProto.FLOAT) for name in (*maker.input[:1], *maker.output) if name}
        return not touched & set(_INTEGERS) and TensorProto.FLOAT in touched

    def _executed(self, node: Node) -> onnx.NodeProto | None:
        """The optimised node that computes this one: by its name, or as producer of the first surviving tensor."""
        if node.name in self._named:
            return self._named[node.name]
        waiting, seen = list(node.outputs), set[int]()
        while waiting:
            tensor = waiting.pop(0)
            if tensor in seen or tensor < 0:
                continue
            seen.add(tensor)
            maker = self._makers.get(self._graph.tensors[tensor].name)
            if maker is not None:
                return maker
            waiting += [t for reader_ in self._consumers.get(tensor, ()) for t in reader_.outputs]
        return None

    def fusions(self) -> str:
        before = Counter(node.operator for node in self._graph.nodes)
        after = Counter(node.op_type for node in self._planned)
        made = [f"{count} {name}" for name, count in after.most_common() if not before[name]]
        gone = [f"{before[name] - after[name]} {name}" for name in before if before[name] > after[name]]
        return f"{', '.join(made[:6]) or 'no new operators'} replace {', '.join(gone[:6]) or 'none'}"


def _refused(request: Request, runtime: str, error: Exception) -> CompatReport:
    """A model that does not load: the operators in the error message are unsupported, the rest unknown."""
    said = str(error)
    named = set(re.findall(r"node with name '([^']*)'", said)) | set(re.findall(r"Node \(([^)]*)\)", said))
    findings = []
    for node in request.graph.nodes:
        made = Finding(node.index, node.name, node.module, node.operator, Verdict.UNKNOWN, Evidence.MEASURED, runtime)
        if node.custom or node.name in named:
            reason = f"ONNX Runtime has no kernel for {node.operator}"
            remedy = "Register a custom operator library, or write that part with standard operators."
            findings.append(replace(made, verdict=Verdict.UNSUPPORTED, reason=reason, remedy=remedy))
        else:
            findings.append(replace(made, reason="ONNX Runtime does not load the model"))
    notes = (f"It refuses the whole model: {first_line(error)}.",)
    report = CompatReport(
        "ort_cpu", runtime, request.path.name, tuple(findings), notes=notes, refused=first_line(error)
    )
    return without_accelerator(assess(report, request.graph))
