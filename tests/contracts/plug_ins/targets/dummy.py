"""A target that takes nothing."""

from ca_deploy.records.compat import CompatReport, Evidence, Finding, Verdict
from ca_deploy.targets import Request, Target


def check(request: Request) -> CompatReport:
    request.step("looking at it")
    nodes = tuple(
        Finding(
            node.index, node.name, node.module, node.operator, Verdict.UNSUPPORTED, Evidence.RULE, "the dummy's book"
        )
        for node in request.graph.nodes
    )
    return CompatReport("dummy", request.level, request.path.name, nodes)


TARGET = Target("dummy", (".dummy",), "a target that a folder was given", f"{__name__}:check")
