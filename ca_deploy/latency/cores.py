"""Which cores to run on: ``big``, ``little`` or a hexadecimal mask, checked against the cores of the device."""

from ca_deploy.errors import UsageError, consecutive
from ca_deploy.records.devices import Core, DeviceInfo

# The efficiency cores are listed, because Arm's part numbers are not in order of speed.
_LITTLE_PARTS = ("0xd03", "0xd04", "0xd05", "0xd46", "0xd80")  # Cortex-A53, A35, A55, A510, A520


def affinity_mask(wanted: str | None, info: DeviceInfo) -> str | None:
    """The mask as ``"0xf0"``, or None for no binding.

    Raises:
        UsageError: not a mask, a mask with cores that the device does not have, or all cores alike for big and little.
    """
    if wanted is None:
        return None
    if wanted in ("big", "little"):
        chosen = [core.index for core in info.cores if _is_little(core, info.cores) == (wanted == "little")]
        if not chosen or len(chosen) == len(info.cores):
            raise UsageError(
                f"--affinity {wanted}: all cores of {info.name} are alike. Leave it out, or give a mask such as 0x1."
            )
        return hex(sum(1 << index for index in chosen))
    try:
        mask = int(wanted, 16)
    except ValueError:
        raise UsageError(f"--affinity {wanted!r} has to be big, little or a hexadecimal mask such as 0xf0.") from None
    there = sum(1 << core.index for core in info.cores)
    if mask < 1 or (there and mask & ~there):
        numbers = ", ".join(
            str(first) if first == last else f"{first} to {last}"
            for first, last in consecutive(core.index for core in info.cores)
        )
        raise UsageError(f"--affinity {wanted}: {info.name} has the cores {numbers}, mask {there:#x}.")
    return hex(mask)


def cores_of(mask: str | None) -> tuple[int, ...] | None:
    """Indices of the cores in a mask."""
    if mask is None:
        return None
    bits = int(mask, 16)
    return tuple(core for core in range(bits.bit_length()) if bits >> core & 1)


def check_threads(threads: int, mask: str | None, info: DeviceInfo) -> None:
    """Raises ``UsageError`` for more threads than there are cores to run them."""
    cores = cores_of(mask)
    available = len(info.cores) if cores is None else len(cores)
    if available and threads > available:
        plural = "" if available == 1 else "s"
        owner = info.name if cores is None else f"--affinity {mask}"
        raise UsageError(
            f"--threads {threads} is more than the {available} core{plural} of {owner}: they would wait for each other."
        )


def _is_little(core: Core, cores: tuple[Core, ...]) -> bool:
    speeds = [other.max_khz for other in cores if other.max_khz is not None]
    if core.part is not None and any(other.part in _LITTLE_PARTS for other in cores):
        return core.part in _LITTLE_PARTS
    return core.max_khz is not None and core.max_khz < max(speeds) and core.max_khz == min(speeds)
