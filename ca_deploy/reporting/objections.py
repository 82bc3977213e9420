"""What speaks against shipping a file, whatever it costs."""

from ca_deploy.records.parity import Status
from ca_deploy.reporting.found import Shipped


def objection(file: Shipped) -> str:
    """Why a file is no candidate, whatever it costs; "" where nothing speaks against it."""
    for parity in file.parities:
        if parity.status is not Status.PASS:
            return (
                f"parity {'fails' if parity.status is Status.FAIL else 'was skipped'}: {parity.reason or 'no reason'}"
            )
    for one in file.measured:
        said = one.measurement.verification
        if said is not None and said.status is Status.FAIL:
            return f"its outputs on {one.report.device.name} are not those here: {said.reason or said.demanded}"
    return ""
