"""How these tests measure: briefly; by Python where a stand-in is the device."""

from ca_deploy.latency.jobs import Wishes
from ca_deploy.records.latency import MeasuringProtocol

SHORT = MeasuringProtocol("short", 3, 2, 0, 20, 0, 5)
PYTHON = Wishes(protocol=SHORT, runner="python")
