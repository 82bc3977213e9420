"""How many threads PyTorch takes."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import torch


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """Run PyTorch on ``count`` threads, on which its rounding depends."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def on_threads_beside(processes: int) -> AbstractContextManager[None]:
    """Run PyTorch beside busy ``processes``: threads that wait for a core keep all others waiting."""
    return on_threads(max(1, torch.get_num_threads() - processes))
