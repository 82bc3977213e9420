"""Sweeps of small networks, made once."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import ca_deploy
from ca_deploy.records.sweep import SweepRecord
from ca_deploy.sweeps.embedded import cluster
from tests.sweeps.kit import OTHER, TINY, sweep_file


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SweepRecord]:
    """The folder and the record of four cells, made by two workers of a cluster."""
    folder = tmp_path_factory.mktemp("swept")
    record = ca_deploy.sweep(sweep_file(folder, TINY, OTHER), folder / "out", workers=2)
    return folder, record


@pytest.fixture(scope="package")
def two_machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a scheduler with two workers, each with an emulated device."""
    shares = [{f"device:emulated:cortex-{name}": 1.0} for name in ("a76", "a72")]
    with cluster(shares, tmp_path_factory.mktemp("dask")) as address:
        yield address
