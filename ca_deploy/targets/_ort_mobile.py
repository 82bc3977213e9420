"""ONNX Runtime's NNAPI and Core ML providers.

Its mobile helpers check operators, ranks and dynamic shapes; ``ort_nnapi.toml`` and ``ort_coreml.toml`` add the
limits on shapes and types that the helpers' tables state in prose.
"""

from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import onnxruntime
from onnxruntime.tools.mobile_helpers import usability_checker

from ca_deploy.errors import first_line
from ca_deploy.graphs import onnx as reader
from ca_deploy.graphs.onnx_nodes import all_nodes
from ca_deploy.records.compat import CompatReport, Evidence, Finding, Verdict
from ca_deploy.targets import Request
from ca_deploy.targets._partitions import assess
from ca_deploy.targets._remedies import NO_REMEDY, Remedy, with_remedy
from ca_deploy.targets._rules import judge, load_rules

_TABLES = Path(onnxruntime.__file__).parent / "tools" / "mobile_helpers"


def check(request: Request) -> CompatReport:
    """See :class:`ca_deploy.targets.Checker`."""
    name = f"coreml_supported_{request.level}_ops.md" if request.target == "ort_coreml" else "nnapi_supported_ops.md"
    supported = usability_checker._SupportedOpsChecker(_TABLES / name)
    request.step("running onnxruntime's mobile helpers")
    model = reader.load(request.path)
    try:
        if request.target == "ort_coreml":
            found = usability_checker.check_coreml_partitions(model, True, name)
        else:
            found = usability_checker.check_nnapi_partitions(model, True)
    except Exception as error:  # it needs the shapes of all tensors, which some models do not let anyone infer
        return _unknown(request, f"onnxruntime {version('onnxruntime')}, tools/mobile_helpers", error)
    taken = {tuple(node.output) for group in found.supported_groups for node in group}
    source = f"onnxruntime {version('onnxruntime')}, tools/mobile_helpers, {name}"
    rules, graph = load_rules(request.target), request.graph
    findings = []
    for finding, node in zip(judge(rules, graph, 0, listed_only=True), all_nodes(model.graph), strict=True):
        if graph.nodes[finding.index].scope:
            reason = "the provider is not used in branches and bodies of control flow"
            source_of_this = f"{source}, usability_checker.py"
            findings.append(replace(finding, verdict=Verdict.FALLS_BACK, reason=reason, source=source_of_this))
            continue
        table_entry = f"{node.domain or 'ai.onnx'}:{node.op_type}"
        checked = replace(finding, evidence=Evidence.CHECKER, source=source)
        if tuple(node.output) in taken:
            if finding.verdict == Verdict.ACCELERATED:
                findings.append(checked)
            else:
                findings.append(finding)
            continue
        if not supported.is_op_supported(node):
            reason = "it is not in the provider's table of supported operators"
            remedy = rules.remedies.get(node.op_type, NO_REMEDY)
        elif not all(tensor.is_static for tensor in graph.data_inputs(graph.nodes[finding.index])):
            reason = "its input has a dynamic shape"
            remedy = Remedy("Fix the input's shape: onnxruntime.tools.make_dynamic_shape_fixed.")
        else:
            limits = supported._ops.get(table_entry) or "because of its rank or its neighbours"
            reason = f"the checker excludes it: {limits}"
            remedy = NO_REMEDY
        verdict = Verdict.UNSUPPORTED if graph.nodes[finding.index].custom else Verdict.FALLS_BACK
        findings.append(with_remedy(replace(checked, verdict=verdict, reason=reason), remedy, graph))
    report = CompatReport(request.target, f"{source}; rules: {rules.version}", request.path.name, tuple(findings))
    return assess(report, graph)


def _unknown(request: Request, source: str, error: Exception) -> CompatReport:
    """The helpers fail on the model as a whole."""
    verdict, checker = Verdict.UNKNOWN, Evidence.CHECKER
    reason = f"onnxruntime's checker gives up on the whole model: {first_line(error)}"
    findings = tuple(
        Finding(node.index, node.name, node.module, node.operator, verdict, checker, source, reason)
        for node in request.graph.nodes
    )
    return assess(CompatReport(request.target, source, request.path.name, findings), request.graph)
