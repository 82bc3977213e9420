"""How often and how long to measure; the numbers of TFLite's ``benchmark_model`` and of MLPerf Mobile, as data."""

from dataclasses import replace

from ca_deploy.records.latency import MeasuringProtocol

PROTOCOLS = {
    "quick": MeasuringProtocol("quick", 2, 5, 0.2, 25, 0.3, 30),
    "standard": MeasuringProtocol("standard", 3, 10, 0.5, 50, 1, 150),
    # Over all starts 1040 runs and 60 s: MLPerf Mobile's single-stream scenario requires at least 1024 and 60 s.
    "publication": MeasuringProtocol("publication", 5, 10, 0.5, 208, 12, 600, "p90", 1024),
}


SUSTAINED = "sustained"
MINUTES = 30
_ROUND_S = 60.0


def sustained(minutes: int, jobs: int = 1) -> MeasuringProtocol:
    """Lasting load: as many rounds as ``minutes``, each a minute of inferences that the ``jobs`` share.

    All of them heat the device together, so that each is measured cold in the first round and hot in the last.
    """
    share_s = _ROUND_S / jobs
    return MeasuringProtocol(SUSTAINED, minutes, 1, 0, 1, share_s, max(2 * share_s, 30), is_sustained=True)


def custom(runs: int | None, min_seconds: float | None, starts: int | None) -> MeasuringProtocol:
    """The standard protocol with the given numbers instead of its own."""
    base = PROTOCOLS["standard"]
    given = {"runs": runs, "min_seconds": min_seconds, "starts": starts}
    changes = {name: value for name, value in given.items() if value is not None}
    return replace(base, name="custom", **changes) if changes else base  # type: ignore[arg-type]
