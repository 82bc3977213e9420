"""All passes that a traced network goes through before coremltools converts it."""

from torch.fx import GraphModule

from ca_deploy.lowering.branches import run_branches_apart
from ca_deploy.lowering.coreml_gelu import spell_out_tanh_gelu
from ca_deploy.lowering.coreml_hard_swish import hard_sigmoid_in_one
from ca_deploy.lowering.drop_aliases import drop_aliases
from ca_deploy.lowering.drop_redundant_expand import drop_redundant_expand
from ca_deploy.lowering.explicit_alpha import explicit_alpha
from ca_deploy.lowering.explicit_strides import explicit_strides
from ca_deploy.lowering.float_bounds import float_bounds
from ca_deploy.lowering.pool_as_mean import pool_as_mean
from ca_deploy.lowering.pool_without_axes import pool_without_axes


def lower_for_coreml(graph_module: GraphModule) -> int:
    """Edit ``graph_module`` in place; equal up to float rounding. Returns the number of places changed.

    Coordinate Attention then has no transpose, concatenation or split, and its h-swish is one hard sigmoid and one
    multiplication.
    """
    convertible = (drop_redundant_expand, drop_aliases, explicit_strides, explicit_alpha, spell_out_tanh_gelu)
    faster = (pool_as_mean, pool_without_axes, hard_sigmoid_in_one, run_branches_apart)
    return sum(rewrite(graph_module) for rewrite in (*convertible, *faster, float_bounds))
