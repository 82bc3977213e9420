"""How a SWEEP.toml, and the record of a sweep, are read."""

from pathlib import Path

from tests.fuzz.printed import printed


def asked(path: Path) -> None:
    from ca_deploy.api import preflight
    from ca_deploy.sweeps.plan import planned

    checks = preflight.source_checks, preflight.check_calibration, preflight.check_data
    planned(path, path.parent / "out", *checks)


def recorded(path: Path) -> list[str]:
    from ca_deploy.render import sweep
    from ca_deploy.sweeps.results import Results

    results = Results(path.parent)
    for place, cell in results.cells.items():
        results.finished(place, cell.key)
    return [printed(sweep.page(results.record([*results.cells]), path.parent))]
