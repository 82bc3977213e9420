"""What a format added behind a detector to find detections: float by design, which is said, and is no finding."""

from ca_deploy.graphs import Graph


def detections_note(graph: Graph) -> str:
    """A sentence on it for an integer file; "" where there is none."""
    count = sum(node.finds_detections for node in graph.nodes)
    if not count or not graph.is_integer:
        return ""
    return f"{count} operators behind the network find detections, in float by design: integers would move the boxes."
