"""What a format added behind a detector to find detections: float by design, which is said, and is no finding."""

from dataclasses import replace

from ca_deploy.graphs import Graph
from ca_deploy.records.compat import Finding, Verdict

_BEHIND = "Leave it: it runs once, behind the network. Or export with --head boxes, and let the app find detections."


def detections_note(graph: Graph) -> str:
    """A sentence on it for an integer file; "" where there is none."""
    count = sum(node.finds_detections for node in graph.nodes)
    if not count or not graph.is_integer:
        return ""
    return f"{count} operators behind the network find detections, in float by design: integers would move the boxes."


def by_design(finding: Finding, graph: Graph) -> Finding:
    """A finding on what leaves the accelerator; of what finds detections, with advice that fits it."""
    if finding.verdict is not Verdict.FALLS_BACK or not graph.nodes[finding.index].finds_detections:
        return finding
    return replace(finding, remedy=_BEHIND, introduces=())
