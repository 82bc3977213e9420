"""Write one block anew, choice by choice."""

from torch.fx import GraphModule, Node

from ca_deploy.lowering._edit import drop_unused
from ca_deploy.lowering.branches import take_apart
from ca_deploy.lowering.gates import channels_last
from ca_deploy.lowering.gates.any_batch import leave_batch_open
from ca_deploy.lowering.gates.block import Block
from ca_deploy.lowering.gates.channels_first import write_channels_first
from ca_deploy.lowering.gates.editor import Editor
from ca_deploy.lowering.gates.find import block_at
from ca_deploy.lowering.gates.gate_functions import fold_hard_sigmoid, write_sigmoid_as_tanh
from ca_deploy.lowering.gates.hard_swish import fold_hard_swish
from ca_deploy.lowering.gates.pool_forms import write_pools
from ca_deploy.lowering.gates.product_forms import write_product
from ca_deploy.lowering.gates.weights import fold_norms
from ca_deploy.records.lowering import Choice


def rewrite(graph_module: GraphModule, product: Node, choice: Choice, any_batch: bool = False) -> None:
    """Edit the block that ends in ``product`` in place; equal up to float rounding, which :mod:`.prove` measures.

    The graph's code is not written anew: ``recompile`` when it is whole. ``any_batch``: what is written is for any
    number of samples.
    """
    before = set(graph_module.graph.nodes) if any_batch else set()
    if choice.branches == "apart" or choice.layout == "channels_last":
        fold_norms(graph_module, _path(product))
    if choice.branches == "apart":
        take_apart(graph_module, _path(product))
    if choice.layout == "channels_first":
        write_channels_first(_block(product), graph_module)
    if choice.activation == "folded":
        fold_hard_swish(graph_module, _path(product))
        fold_hard_sigmoid(graph_module, _block(product))
    if choice.sigmoid == "tanh":
        write_sigmoid_as_tanh(graph_module, _block(product))
    block = _block(product)
    if choice.layout == "channels_last":
        channels_last.write_channels_last(block, graph_module)
    else:
        if choice.pools != "as_written":
            write_pools(block, graph_module, choice.pools)
        if choice.product != "as_written":
            write_product(block, Editor(graph_module, block.product), choice.product)
    drop_unused(graph_module.graph)
    if any_batch:
        leave_batch_open(node for node in graph_module.graph.nodes if node not in before)


def _path(product: Node) -> tuple[Node, ...]:
    return _block(product).path


def _block(product: Node) -> Block:
    drop_unused(product.graph)
    found = block_at(product)
    assert isinstance(found, Block), found
    return found
