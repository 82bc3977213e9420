"""Which operators a program may call: those that compute with tensors and sizes, and touch nothing else."""

import re
from functools import cache

_OVERLOAD = re.compile(r"torch\.ops\.(aten|prims|quantized_decomposed)\.(\w+)\.(\w+)")
_OTHERS = re.compile(
    # Arithmetic on sizes (_SYM_OPS in torch/_export/serde/serialize.py, 2.13).
    r"_operator\.(eq|ne|le|ge|lt|gt|neg|pos|mul|add|sub|floordiv|mod|pow|truediv|and_|or_|lshift|rshift|getitem)"
    r"|math\.(trunc|ceil|floor)|torch\.sym_(not|int|float|ite|max|min|sqrt|sum)"
    # Control flow: its branches are graphs of the program itself, and vetted with it.
    r"|torch\.ops\.higher_order\.(cond|while_loop|map_impl|scan|associative_scan)"
    r"|torch\.ops\.higher_order\.wrap_with_(autocast|set_grad_enabled)"
    # torch.vmap, as it is exported.
    r"|torch\._functorch\.predispatch\.(lazy_load_decompositions|_(add|remove)_batch_dim"
    r"|_vmap_(increment|decrement)_nesting)"
)


@cache
def is_operator(name: str) -> bool:
    """Whether ``name``, as in ``torch.ops.aten.relu.default``, computes only.

    Left out on purpose: everything else that a dotted name reaches in PyTorch, since that is all of Python; higher
    order operators that take a function; and operators that open a file (``aten::from_file``, ``aten::save``).
    """
    if _OTHERS.fullmatch(name):
        return True
    parts = _OVERLOAD.fullmatch(name)
    if parts is None:
        return False
    import torch

    found: object = torch.ops
    for part in parts.groups():
        found = getattr(found, part, None)
    return isinstance(found, torch._ops.OpOverload) and "filename" not in {a.name for a in found._schema.arguments}
