"""A folder of real exports with all that commands say of them, and a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ca_deploy.reporting.collection import collect
from ca_deploy.reporting.found import Shipped
from tests.browser import browser
from tests.reporting import kit


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Not to be changed."""
    made = tmp_path_factory.mktemp("reporting") / "exported"
    kit.make(made)
    return made


@pytest.fixture
def file(folder: Path) -> Shipped:
    return collect([folder]).files[0]


@pytest.fixture(scope="package")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened
