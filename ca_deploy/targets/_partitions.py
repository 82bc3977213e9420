"""From verdicts to partitions, as TFLite's interpreter forms them, and the cost of each node off the accelerator."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from ca_deploy.graphs import Graph, Node
from ca_deploy.records.compat import CompatReport, Cost, Finding, Kind, Verdict
from ca_deploy.targets._one_more import OneMore


class Partitioner:
    """Splits a graph between a delegate and the CPU, as TFLite does; no piece is in two subgraphs."""

    def __init__(self, graph: Graph) -> None:
        subgraphs: dict[str, list[int]] = {}
        for node in graph.nodes:
            subgraphs.setdefault(node.scope, []).append(node.index)
        self._parts = [_Subgraph(graph, nodes) for nodes in subgraphs.values()]
        self._part_of = {index: part for part in self._parts for index in part.nodes}

    def pieces(self, taken: Collection[int]) -> list[list[int]]:
        """The node indices of each partition of a delegate that accepts the nodes ``taken``."""
        return [piece for part in self._parts for piece in part.pieces(frozenset(taken))]

    def with_one_more(self, taken: Collection[int]) -> Callable[[int], int]:
        """Node that is not taken -> the number of pieces if it were."""
        taken = frozenset(taken)
        now = {part: len(part.pieces(taken)) for part in self._parts}
        one_more = {part: part.with_one_more(taken) for part in self._parts}
        total = sum(now.values())

        def pieces(node: int) -> int:
            part = self._part_of[node]
            return total - now[part] + one_more[part].pieces(part.places[node])

        return pieces


class _Subgraph:
    """One subgraph, whose ``nodes`` have the ``places`` 0, 1, … in it.

    Each piece takes all nodes of its kind (delegated or not) that are ready once the pieces before it have run, as
    in ``PartitionGraphIntoIndependentNodeSubsets`` (``tensorflow/lite/graph_info.cc``). ONNX Runtime and Core ML
    group nodes alike, so this serves for them too.
    """

    def __init__(self, graph: Graph, nodes: Sequence[int]) -> None:
        made_by = graph.producers
        self.nodes = nodes
        self.places = {index: place for place, index in enumerate(nodes)}
        before = ({made_by[t].index for t in graph.nodes[index].inputs if t in made_by} for index in nodes)
        self._makers = [{self.places[index] for index in makers if index in self.places} for makers in before]
        self._waits_for = [len(makers) for makers in self._makers]
        self._readers: list[list[int]] = [[] for _ in nodes]
        for place, makers in enumerate(self._makers):
            for maker in makers:
                self._readers[maker].append(place)

    def pieces(self, taken: frozenset[int]) -> list[list[int]]:
        """As :meth:`Partitioner.pieces`."""
        waits_for = self._waits_for.copy()
        ready: dict[bool, list[int]] = {True: [], False: []}
        for place, makers in enumerate(waits_for):
            if not makers:
                ready[self.nodes[place] in taken].append(place)
        kind = bool(ready[True]) and (not ready[False] or ready[True][0] < ready[False][0])
        found = []
        while ready[kind]:
            piece = []
            while ready[kind]:
                place = ready[kind].pop()
                piece.append(self.nodes[place])
                for reader in self._readers[place]:
                    waits_for[reader] -= 1
                    if not waits_for[reader]:
                        ready[self.nodes[reader] in taken].append(reader)
            if kind:
                found.append(sorted(piece))
            kind = not kind
        return found

    def with_one_more(self, taken: frozenset[int]) -> OneMore:
        """By place, the number of pieces if one node more were taken."""
        waits_for, order = self._waits_for.copy(), []
        ready = [place for place, makers in enumerate(waits_for) if not makers]
        while ready:
            order.append(ready.pop())
            for reader in self._readers[order[-1]]:
                waits_for[reader] -= 1
                if not waits_for[reader]:
                    ready.append(reader)
        return OneMore(self._makers, order, {self.places[index] for index in taken if index in self.places})


def partitions(graph: Graph, taken: Collection[int]) -> list[list[int]]:
    """See :meth:`Partitioner.pieces`."""
    return Partitioner(graph).pieces(taken)


def assess(report: CompatReport, graph: Graph, taken: Collection[int] | None = None) -> CompatReport:
    """The report completed by its partitions, its share of multiply-adds and the cost of all findings.

    ``taken`` are the nodes that the accelerator accepts, in whatever type it computes them; by default those with the
    verdict ``ACCELERATED``.
    """
    accelerated = frozenset(finding.index for finding in report.nodes if finding.verdict == Verdict.ACCELERATED)
    on = accelerated if taken is None else frozenset(taken)
    total = graph.multiply_adds
    partitioner = Partitioner(graph)
    now = len(partitioner.pieces(on))
    one_more = partitioner.with_one_more(on)

    def cost(indices: Collection[int]) -> Cost:
        nodes = [graph.nodes[index] for index in indices]
        alone = len(nodes) == 1 and nodes[0].index not in on
        pieces = one_more(nodes[0].index) if alone else len(partitioner.pieces(on.union(indices)))
        return Cost(
            partitions=max(0, now - pieces),
            bytes_crossing=sum(_crossing(graph, node, on) for node in nodes),
            multiply_adds_percent=100 * sum(node.multiply_adds for node in nodes) / total if total else 0.0,
        )

    alike: dict[tuple[str, ...], list[Finding]] = {}
    for finding in report.findings:
        key = (finding.verdict, finding.reason, finding.remedy, finding.evidence)
        alike.setdefault(key, []).append(finding)
    return replace(
        report,
        nodes=tuple(
            finding if finding.index in accelerated else replace(finding, cost=cost([finding.index]))
            for finding in report.nodes
        ),
        kinds=tuple(
            Kind(same[0], indices := tuple(finding.index for finding in same), cost(indices)) for same in alike.values()
        ),
        partitions=now,
        multiply_adds=total,
        accelerated_multiply_adds_percent=(
            100 * sum(graph.nodes[index].multiply_adds for index in on) / total if total else None
        ),
        accelerated_nodes=len(on),
    )


def without_accelerator(report: CompatReport) -> CompatReport:
    """The report of a model that its runtime refuses: what it makes of single nodes runs nowhere."""
    none = None if report.accelerated_multiply_adds_percent is None else 0.0
    return replace(report, partitions=0, accelerated_nodes=0, accelerated_multiply_adds_percent=none)


def _crossing(graph: Graph, node: Node, taken: Collection[int]) -> int:
    """Bytes of activations that the node exchanges with nodes on the accelerator."""
    if node.index in taken:
        return 0
    producers, consumers = graph.producers, graph.consumers
    crossing = {t for t in node.inputs if t in producers and producers[t].index in taken}
    crossing |= {t for t in node.outputs if any(reader.index in taken for reader in consumers.get(t, ()))}
    return sum(graph.tensors[tensor].size_bytes for tensor in crossing)
