"""The way to a scheduler: whether it answers, and that its end is said by us only."""

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from ca_deploy.errors import UsageError, first_line, shown

CONNECT_S = 10


def refuse_others(address: str) -> None:
    """Ask what is there, before a client is made that would try again and again.

    Raises:
        UsageError: nothing answers, or no scheduler does.
    """
    try:
        with ThreadPoolExecutor(1) as apart:  # from a loop that may run here
            found = apart.submit(asyncio.run, _identity(address)).result()
    except Exception as error:  # what is no scheduler may answer anything: a web server's text is a length of exabytes
        raise cannot_be_reached(address, error) from error
    kind = str(found.get("type"))
    if kind != "Scheduler":
        raise UsageError(
            f"{shown(address)} is the address of a {shown(kind)}, not of a scheduler. Pass what `dask scheduler` "
            "printed, as tcp://HOST:8786."
        )


def cannot_be_reached(address: str, error: Exception) -> UsageError:
    why = "what is there is no scheduler" if isinstance(error, MemoryError) else first_line(error)
    return UsageError(
        f"The scheduler {shown(address)} cannot be reached ({why}; {CONNECT_S} s at most). Is it the address that "
        "`dask scheduler` printed, as tcp://HOST:8786?"
    )


@contextmanager
def without_logs() -> Iterator[None]:
    """Nothing of Dask's own logs: the end of a connection is an error of ours. Each of its loggers has a level."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed.")]
    levels = {logger: logger.level for logger in map(logging.getLogger, ["distributed", *names])}
    try:
        for logger in levels:
            logger.setLevel(logging.CRITICAL)
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


async def _identity(address: str) -> dict[str, Any]:
    from distributed import rpc
    from distributed.security import Security

    ours = Security().get_connection_args("client")
    async with rpc(address, timeout=CONNECT_S, connection_args=ours) as there:
        found: dict[str, Any] = await asyncio.wait_for(there.identity(), CONNECT_S)
        return found
