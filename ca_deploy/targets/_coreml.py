"""Core ML: the iOS version that every operation needs, and which ones probably leave the Neural Engine."""

from dataclasses import replace

from ca_deploy.records.compat import CompatReport, Verdict
from ca_deploy.targets import Request
from ca_deploy.targets._compute_plan import placed, preferred_devices
from ca_deploy.targets._detections import by_design
from ca_deploy.targets._partitions import assess
from ca_deploy.targets._rules import judge, load_rules

# Specification version -> iOS (coremltools/__init__.py, _SPECIFICATION_VERSION_IOS_*).
_IOS = {6: 15, 7: 16, 8: 17, 9: 18, 10: 26}


def check(request: Request) -> CompatReport:
    """See :class:`ca_deploy.targets.Checker`. The level defaults to the file's own deployment target."""
    graph, rules = request.graph, load_rules("coreml")
    own = _IOS.get(graph.version)
    level = int(request.level or own or 0)
    findings = tuple(by_design(found, graph) for found in judge(rules, graph, level))
    notes = ["Core ML picks the compute unit on the device: statements about the Neural Engine are hints."]
    if own is None:
        notes.append(f"Unknown specification version {graph.version}: no iOS version was checked.")
    elif own > level:
        reason = f"the package targets iOS {own} and newer; iOS {level} does not load it"
        remedy = f"Convert it again with minimum_deployment_target=coremltools.target.iOS{level}."
        findings = tuple(
            replace(
                f,
                verdict=Verdict.UNSUPPORTED,
                source=f"specification version {graph.version}",
                reason=reason,
                remedy=remedy,
            )
            for f in findings
        )
    else:
        notes.append(f"The package needs iOS {own} or newer.")
        devices = preferred_devices(request.path)
        findings = tuple(placed(f, devices[f.node]) if f.node in devices else f for f in findings)
    version = f"by rule: iOS {level}, {rules.version}"
    return assess(CompatReport("coreml", version, request.path.name, findings, notes=tuple(notes)), graph)
