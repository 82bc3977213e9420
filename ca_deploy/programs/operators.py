"""The operators that a program may call: those that only compute on tensors and sizes."""

import re
from functools import cache

_OVERLOAD = re.compile(r"torch\.ops\.(aten|prims|quantized_decomposed)\.(\w+)\.(\w+)")
_OTHERS = re.compile(
    # Arithmetic on sizes (_SYM_OPS in torch/_export/serde/serialize.py, 2.13).
    r"_operator\.(eq|ne|le|ge|lt|gt|neg|pos|mul|add|sub|floordiv|mod|pow|truediv|and_|or_|lshift|rshift|getitem)"
    r"|math\.(trunc|ceil|floor)|torch\.sym_(not|int|float|ite|max|min|sqrt|sum)"
    # Control flow: its branches are graphs in the same program, and vetted with it.
    r"|torch\.ops\.higher_order\.(cond|while_loop|map_impl|scan|associative_scan)"
    r"|torch\.ops\.higher_order\.wrap_with_(autocast|set_grad_enabled)"
    # torch.vmap as exported.
    r"|torch\._functorch\.predispatch\.(lazy_load_decompositions|_(add|remove)_batch_dim"
    r"|_vmap_(increment|decrement)_nesting)"
)
# These take sizes or mutable indices without checking them against the tensor's memory.
_UNCHECKED = re.compile(
    r"_reshape_alias|.*(sparse|nested|jagged|csr|csc|coo|backward|ctc_loss|segment_reduce).*"
    r"|_?((crow|ccol|row|col)_)?(indices|values)"
)


@cache
def is_operator(name: str) -> bool:
    """Whether ``name`` (``torch.ops.aten.relu.default``) is an operator that only computes.

    Excluded: any other dotted name, since PyTorch's modules lead to all of Python; higher-order operators that take a
    function; operators that open files (``aten::from_file``, ``aten::save``), and those that access memory outside
    their tensors (``aten::_reshape_alias``, 2.13).
    """
    if _OTHERS.fullmatch(name):
        return True
    parts = _OVERLOAD.fullmatch(name)
    if parts is None or _UNCHECKED.fullmatch(parts[2]):
        return False
    import torch

    found: object = torch.ops
    for part in parts.groups():
        found = getattr(found, part, None)
    return isinstance(found, torch._ops.OpOverload) and not {"filename", "unsafe"} & {
        a.name for a in found._schema.arguments
    }
