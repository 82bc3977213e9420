"""How many converters fit into this machine's memory at the same time."""

import os
from pathlib import Path

# A MobileNet conversion peaks at about 1.5 GB (litert-torch 0.10); larger networks take more.
CONVERTER_BYTES = 3 * 2**30


def available_bytes() -> int:
    """Memory that a new process can take without swapping."""
    meminfo = Path("/proc/meminfo")
    if meminfo.is_file():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def converters_that_fit(wanted: int) -> int:
    """At least one, at most ``wanted``."""
    return max(1, min(wanted, available_bytes() // CONVERTER_BYTES))
