"""The cost of one node off the accelerator is that of partitioning the graph again with it, and takes no such time."""

import random

from ca_deploy.graphs import Graph, Node, Tensor
from ca_deploy.targets._partitions import Partitioner


def graph_of(makers: list[list[int]]) -> Graph:
    """Node ``i`` computes tensor ``i`` from those of ``makers[i]``; without any, from the input, the last tensor."""
    count = len(makers)
    nodes = tuple(
        Node(i, f"n{i}", "", "RELU", tuple(sorted(before)) or (count,), (i,)) for i, before in enumerate(makers)
    )
    tensors = tuple(Tensor(f"t{i}", (1,), "float32") for i in range(count + 1))
    return Graph("toy", 1, nodes, tensors, (count,), (count - 1,))


def test_as_if_partitioned_again() -> None:
    for seed in range(300):
        compare(seed)


def compare(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randint(1, 14)
    names = chance.sample(range(count), count)  # the order of execution is not that of the file
    makers: list[list[int]] = [[] for _ in range(count)]
    for place, name in enumerate(names):
        makers[name] = chance.sample(names[:place], min(place, chance.choice((0, 1, 1, 2, 3))))
    partitioner = Partitioner(graph_of(makers))
    taken = {node for node in range(count) if chance.random() < chance.choice((0.1, 0.5, 0.9))}
    one_more = partitioner.with_one_more(taken)
    for node in set(range(count)) - taken:
        assert one_more(node) == len(partitioner.pieces(taken | {node})), (seed, node)
