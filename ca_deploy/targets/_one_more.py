"""How many pieces a delegate would form if it took one more node, for every node, without forming them again.

The piece of a node, as :class:`ca_deploy.targets._partitions.Partitioner` numbers them, is the largest number of
changes between delegate and CPU on any path that leads to it. With one node changed, the longest path of the graph
either runs through it, or past it: an edge leads over its place in the order of execution, or the path ends before it
or begins behind it. So O(n log n) for all nodes, where n counts nodes and edges.
"""

import heapq
from collections.abc import Collection, Sequence
from functools import cached_property

_NONE = -(2**31)  # no such path


class OneMore:
    """Answers for a graph by node index: ``makers`` are the nodes that each node reads, ``order`` one of execution."""

    def __init__(self, makers: Sequence[Collection[int]], order: Sequence[int], taken: Collection[int]) -> None:
        self._makers, self._order, self._taken = makers, order, frozenset(taken)
        self._readers: list[list[int]] = [[] for _ in makers]
        for node, before in enumerate(makers):
            for maker in before:
                self._readers[maker].append(node)
        first_of_kind = [
            min((n for n in order if not makers[n] and (n in self._taken) is kind), default=len(makers))
            for kind in (False, True)
        ]
        self._first_on_cpu, self._first_taken = first_of_kind
        ready_on_cpu = sorted(n for n in order if not makers[n] and n not in self._taken)
        self._second_on_cpu = ready_on_cpu[1] if len(ready_on_cpu) > 1 else len(makers)

    def pieces(self, node: int) -> int:
        """The number of pieces if ``node``, which is not taken, were."""
        begins_taken = self._first_taken < self._first_on_cpu
        if not self._makers[node]:
            left = self._second_on_cpu if node == self._first_on_cpu else self._first_on_cpu
            begins_taken = min(self._first_taken, node) < left
        paths = self._from_taken if begins_taken else self._from_cpu
        before = max((paths.to[m] + (m not in self._taken) for m in self._makers[node]), default=int(not begins_taken))
        behind = max((paths.behind[r] + (r not in self._taken) for r in self._readers[node]), default=0)
        changes = max(before + behind, paths.past[node])
        return changes // 2 + 1 if begins_taken else (changes + 1) // 2

    @cached_property
    def _from_taken(self) -> "_Paths":
        return _Paths(self._makers, self._readers, self._order, self._taken, begins_taken=True)

    @cached_property
    def _from_cpu(self) -> "_Paths":
        return _Paths(self._makers, self._readers, self._order, self._taken, begins_taken=False)


class _Paths:
    """Changes of kind on the longest paths ``to`` each node, ``behind`` it, and ``past`` it without touching it."""

    def __init__(
        self,
        makers: Sequence[Collection[int]],
        readers: Sequence[Collection[int]],
        order: Sequence[int],
        taken: Collection[int],
        begins_taken: bool,
    ) -> None:
        self.to, self.behind, self.past = [0] * len(order), [0] * len(order), [_NONE] * len(order)
        for node in order:
            kind = node in taken
            start = int(kind != begins_taken)
            self.to[node] = max((self.to[m] + ((m in taken) != kind) for m in makers[node]), default=start)
        for node in reversed(order):
            kind = node in taken
            self.behind[node] = max((self.behind[r] + ((r in taken) != kind) for r in readers[node]), default=0)
        place = {node: number for number, node in enumerate(order)}
        over: list[tuple[int, int]] = []  # (-changes of the longest path over an edge, where the edge ends)
        ended = _NONE
        for number, node in enumerate(order):
            while over and over[0][1] <= number:
                heapq.heappop(over)
            self.past[node] = max(ended, -over[0][0] if over else _NONE)
            ended = max(ended, self.to[node])
            for reader in readers[node]:
                changed = (reader in taken) != (node in taken)
                heapq.heappush(over, (-(self.to[node] + changed + self.behind[reader]), place[reader]))
        begun = _NONE
        for node in reversed(order):
            self.past[node] = max(self.past[node], begun)
            if not makers[node]:
                begun = max(begun, self.to[node] + self.behind[node])
