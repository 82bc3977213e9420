"""Find gates computed from averages over the rows, columns or the whole of a map, by structure: Coordinate Attention,
SE, ECA, ELA and their relatives, in any spelling and under any name.

Sources: Coordinate Attention (arXiv 2103.02907), Squeeze-and-Excitation (arXiv 1709.01507), ECA (arXiv 1910.03151), ELA
(arXiv 2403.01123).
"""

import operator
from collections.abc import Iterator
from typing import Any

import torch
from torch.fx import Graph, Node

from ca_deploy.lowering._operators import EXPANDS, MULTIPLIES, NORMS, is_1x1
from ca_deploy.lowering.gates.block import Block, Extent, Gate, Pool, Projection
from ca_deploy.lowering.gates.pools import canonical, is_pooling, pool_of
from ca_deploy.records.lowering import LeftAlone
from ca_deploy.records.module_path import module_of

_aten = torch.ops.aten


def find(graph: Graph) -> tuple[list[Block], list[LeftAlone]]:
    """The blocks of a traced network without operations in place, in order, and the look-alikes that are left alone."""
    order = {node: number for number, node in enumerate(graph.nodes)}
    blocks: list[Block] = []
    left: list[LeftAlone] = []
    for node in graph.nodes:
        if node.target in MULTIPLIES and not _is_inner(node):
            found = block_at(node, order)
            if isinstance(found, Block):
                blocks.append(found)
            elif found is not None:
                left.append(found)
    users = _users_of_weights(graph)
    shared = [block for block in blocks if not _has_weights_of_its_own(block, users)]
    left += [LeftAlone(block.module, "its weights are used elsewhere too") for block in shared]
    return [block for block in blocks if block not in shared], left


def block_at(product: Node, order: dict[Node, int] | None = None) -> Block | LeftAlone | None:
    """The block that ends in a multiplication; None where nothing like one does."""
    order = order or {node: number for number, node in enumerate(product.graph.nodes)}
    value = product.meta.get("val")
    if not isinstance(value, torch.Tensor) or value.ndim != 4:
        return None
    chain, factors = _flatten(product)
    if not all(isinstance(factor.meta.get("val"), torch.Tensor) for factor in factors):  # a number of samples
        return None
    module = module_of(product)
    if not all(isinstance(size, int) for size in value.shape):  # to compare such sizes would fix the program to them
        resembles = any(is_pooling(user) for factor in factors for user in factor.users)
        return LeftAlone(module, "its map has no fixed size") if resembles else None
    candidates = [factor for factor in factors if factor.meta["val"].shape == value.shape and factor.op != "get_attr"]
    reasons: list[str] = []
    for feature_map in candidates:
        if any(pool_of(user, feature_map) for user in _readers(feature_map)):
            others = [factor for factor in factors if factor is not feature_map]
            found = _block(feature_map, others, chain, product, order)
            if isinstance(found, Block):
                return found
            reasons += [found] if found else []
    return LeftAlone(module, reasons[0]) if reasons else None


def _readers(feature_map: Node) -> Iterator[Node]:
    """What reads a map, itself, flattened, or by one of several results."""
    for user in feature_map.users:
        yield user
        yield from user.users


def _is_inner(node: Node) -> bool:
    """Whether a multiplication only serves as a factor of another."""
    users = list(node.users)
    return len(users) == 1 and users[0].target in MULTIPLIES and users[0].meta["val"].ndim == 4


def _flatten(product: Node) -> tuple[list[Node], list[Node]]:
    """The multiplications that end in ``product``, in order, and their factors without expansion."""
    chain, factors = [], []

    def visit(node: Node) -> None:
        for operand in node.args:
            inner = operand
            while isinstance(inner, Node) and inner.target in EXPANDS and len(inner.users) == 1:
                inner = inner.args[0]
            if isinstance(inner, Node) and inner.target in MULTIPLIES and _is_inner(inner) and _of_nodes(inner):
                visit(inner)
            elif isinstance(inner, Node):
                factors.append(inner)
        chain.append(node)

    visit(product)
    return chain, factors


def _of_nodes(multiplication: Node) -> bool:
    return all(isinstance(operand, Node) for operand in multiplication.args)


def _block(
    feature_map: Node, others: list[Node], chain: list[Node], product: Node, order: dict[Node, int]
) -> Block | str:
    """The block of a map and the other factors, or the reason against it; "" where it resembles none."""
    if not others or not all(map(_of_nodes, chain)):
        return ""
    sizes = [int(size) for size in feature_map.meta["val"].shape]
    if sizes[2:] == [1, 1]:
        return ""
    gates, pools = [], {}
    path: set[Node] = set()
    reasons = []
    for factor in others:
        shape = list(factor.meta["val"].shape)
        extent = _extent(shape, sizes)
        own, between, foreign = _between(factor, feature_map, order)
        if extent is None:
            foreign = f"a factor of shape {tuple(shape)} is no gate of its rows, columns or channels"
        else:
            gates.append(Gate(factor, extent))
        reasons += [foreign] if foreign else []
        pools.update({pool.node: pool for pool in own})
        path |= between
    if not pools or reasons:
        return reasons[0] if pools else ""
    inside = {*path, *pools, *chain, *_expansions(chain)}
    for node in (*path, *pools):
        if node.op != "get_attr" and (outside := [user for user in node.users if user not in inside]):
            return f"what its gates are made of is used outside of it too, {_place(outside[0])}"
    for node in chain[:-1]:
        if any(user not in inside for user in node.users):
            return "a part of its product is used outside of it too"
    ordered = tuple(sorted(path, key=order.__getitem__))
    found_pools = tuple(sorted(pools.values(), key=lambda pool: order[pool.node]))
    return Block(
        feature_map,
        found_pools,
        ordered,
        tuple(gates),
        tuple(chain),
        product,
        _projection(product),
        module_of(product),
    )


def _place(node: Node) -> str:
    if node.op == "output":
        return "as an output of the network"
    return f"in {module_of(node)!r}" if module_of(node) else "in the network's forward"


def _expansions(chain: list[Node]) -> Iterator[Node]:
    for node in chain:
        for operand in node.args:
            while isinstance(operand, Node) and operand.target in EXPANDS:
                yield operand
                operand = operand.args[0]


def _extent(shape: list[Any], sizes: list[int]) -> Extent | None:
    """What a factor of ``shape`` has one value for, in a map of ``sizes (N, C, H, W)``."""
    if len(shape) != 4 or shape[0] not in (1, sizes[0]) or shape[1] not in (1, sizes[1]):
        return None
    extents: tuple[Extent, ...] = ("map", "rows", "columns", "elements")
    return next((extent for extent in extents if shape[2:] == canonical(extent, sizes)[2:]), None)


def _between(gate: Node, feature_map: Node, order: dict[Node, int]) -> tuple[list[Pool], set[Node], str]:
    """The pools of the map that a gate depends on, the nodes between, weights included, and what is against it."""
    pools: list[Pool] = []
    path: set[Node] = set()
    foreign = ""
    pending = [gate]
    while pending:
        node = pending.pop()
        if node in path:
            continue
        pool = pool_of(node, feature_map)
        if pool is not None:
            if pool not in pools:
                pools.append(pool)
            path |= {other for other in _inside(node, feature_map) if other is not node}
            continue
        if node is feature_map:
            foreign = "its gates also depend on the map itself, not on averages alone"
            continue
        if node.op == "placeholder" or (node.op != "get_attr" and order[node] < order[feature_map]):
            foreign = "its gates also depend on something else than its map"
            continue
        path.add(node)
        pending += node.all_input_nodes
    return pools, path, foreign


def _inside(pool: Node, feature_map: Node) -> Iterator[Node]:
    """The nodes from a map to its pool: a flattening, and an operation with several results."""
    node = pool
    while node is not feature_map:
        yield node
        node = node.all_input_nodes[0]


def _users_of_weights(graph: Graph) -> dict[str, set[Node]]:
    """What uses each weight, which a program may read in several places."""
    found: dict[str, set[Node]] = {}
    for node in graph.find_nodes(op="get_attr"):
        found.setdefault(str(node.target), set()).update(node.users)
    return found


def _has_weights_of_its_own(block: Block, users: dict[str, set[Node]]) -> bool:
    weights = [node for node in block.path if node.op == "get_attr"]
    if block.projection is not None:
        weights += [node for node in block.projection.nodes if node.op == "get_attr"]
    inside = {*block.path, *block.chain, *(block.projection.nodes if block.projection else ())}
    return all(users[str(weight.target)] <= inside for weight in weights)


def is_plain_1x1(node: Node) -> bool:
    """Whether a node is a 1x1 convolution of all channels, with constant weights."""
    return is_1x1(node, groups=1) and all(weight.op == "get_attr" for weight in node.all_input_nodes[1:])


def _projection(product: Node) -> Projection | None:
    (user, *others) = product.users or [None]
    if user is None or others or not is_plain_1x1(user):
        return None
    found = norm_after(user)
    return Projection(user, None, user) if found is None else Projection(user, *found)


def norm_after(convolution: Node) -> tuple[Node, Node] | None:
    """The BatchNorm that alone uses a convolution, and the node that has its result."""
    norms = list(convolution.users)
    if len(norms) != 1 or norms[0].target not in NORMS or norms[0].args[0] is not convolution:
        return None
    if norms[0].target is _aten.batch_norm.default:
        return norms[0], norms[0]
    results = list(norms[0].users)
    is_result = len(results) == 1 and results[0].target is operator.getitem and results[0].args[1] == 0
    return (norms[0], results[0]) if is_result else None
