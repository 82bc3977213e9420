"""Operators: PyTorch's own computations pass, and nothing else that a dotted name reaches."""

import pytest

from ca_deploy.programs.operators import is_operator


@pytest.mark.parametrize(
    "name",
    [
        *("torch.ops.aten.relu.default", "torch.ops.aten.mean.dim", "torch.ops.prims.convert_element_type.default"),
        "torch.ops.aten.max_pool2d_with_indices.default",
        *("torch.ops.higher_order.cond", "torch.sym_max", "_operator.floordiv", "math.ceil"),
    ],
)
def test_a_computation_passes(name: str) -> None:
    assert is_operator(name)


@pytest.mark.parametrize(
    "name",
    [
        *("torch.ops.aten.from_file.default", "torch.ops.aten.from_file.out", "torch.ops.aten.save.default"),
        *("torch.ops.aten.relu", "torch.ops.aten.relu.nowhere", "torch.ops.aten.nowhere.default"),
        *("torch.ops.aten._reshape_alias.default", "torch.ops.aten._sparse_coo_tensor_unsafe.default"),
        *("torch.ops.aten._convert_indices_from_csr_to_coo.default", "torch.ops.aten.segment_reduce.default"),
        *("torch.ops.aten.max_pool2d_with_indices_backward.default", "torch.ops.aten._ctc_loss.default"),
        *("torch.ops.aten._nested_view_from_buffer.default", "torch.ops.aten._indices.default"),
        *("torch.ops.aten.__class__.mro", "torch.ops.aten.relu.__class__", "torch.ops.load_library", "torch.load"),
        *("torch.ops.prim.RaiseException.default", "torch.ops.debugprims.load_tensor.default"),
        *("torch.ops.higher_order.call_torchbind", "torch.ops.higher_order.run_and_save_rng_state"),
        *("torch.os.system", "_operator.methodcaller", "_operator.attrgetter", "_operator", "math.prod", "#x:y", ""),
    ],
)
def test_anything_else_is_refused(name: str) -> None:
    assert not is_operator(name)
