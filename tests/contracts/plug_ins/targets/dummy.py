"""A target that takes nothing."""

from ca_deploy.records.compat import CompatReport, Evidence, Finding, Verdict
from ca_deploy.targets import Request, Target
from ca_deploy.targets._partitions import assess


def check(request: Request) -> CompatReport:
    request.step("looking at it")
    nodes = tuple(
        Finding(
            node.index, node.name, node.module, node.operator, Verdict.UNSUPPORTED, Evidence.RULE, "the dummy's book"
        )
        for node in request.graph.nodes
    )
    return assess(CompatReport("dummy", "1.0", request.path.name, nodes), request.graph)


TARGET = Target("dummy", (".dummy",), "a target that a folder was given", f"{__name__}:check")
