"""Sizes in a traced network, which are numbers, or expressions where a dimension is dynamic."""

from typing import Any

import torch


def expression(size: int | torch.SymInt) -> Any:
    """A size to compare: a number or a sympy expression.

    ``==`` on a ``SymInt`` compares the sizes that the network was traced with, and fixes the program to the answer.
    """
    return size.node.expr if isinstance(size, torch.SymInt) else size
