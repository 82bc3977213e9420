"""Parts of the runner: fetched once, verified, and usable without a network."""

import zipfile
from pathlib import Path

import pytest

from ca_deploy.cache import cached
from ca_deploy.errors import DeviceError, UsageError
from ca_deploy.native import libraries
from ca_deploy.native.bundle import LOADER, make_bundle, runner_command
from ca_deploy.records.devices import DeviceInfo


def device(architecture: str = "aarch64", glibc: str | None = None) -> DeviceInfo:
    return DeviceInfo("ssh://pi", "a device", "Linux", architecture, (), (), glibc)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made on a machine with a network; fetches both libraries on first use."""
    path = tmp_path_factory.mktemp("bundle") / "arm.zip"
    make_bundle(path)
    return path


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that has nothing yet and no package index."""
    monkeypatch.setenv("CA_DEPLOY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_FIND_LINKS", "")


@pytest.mark.parametrize("runtime", libraries.LIBRARIES)
def test_a_bundle_replaces_the_network(bundle: Path, offline: None, runtime: str) -> None:
    with pytest.raises(DeviceError, match=r"pip cannot fetch.*--bundle"):
        runner_command(device(), runtime)
    command = runner_command(device(), runtime, bundle)
    assert all(file.is_file() for file in command.files)
    places = {file: f"/there/{index}/{file.name}" for index, file in enumerate(command.files)}
    loader, *rest = command.argv(places)
    assert loader.endswith(LOADER)
    assert rest[-2:] == ["--library", places[command.library]]
    # From now on it is in the cache.
    assert runner_command(device(), runtime, bundle).library == command.library


def test_a_device_with_its_own_c_library_needs_less(bundle: Path) -> None:
    own = runner_command(device(glibc="2.36"), "litert", bundle)
    assert (own.loader, own.support) == (None, ())
    assert own.argv({file: file.name for file in own.files}) == [own.runner.name, "--library", own.library.name]
    assert runner_command(device(glibc="2.28"), "litert", bundle).loader is not None


def test_what_is_damaged_is_not_used(bundle: Path, offline: None, tmp_path: Path) -> None:
    for content in (b"no archive", bundle.read_bytes()[:1000]):
        broken = tmp_path / "broken.zip"
        broken.write_bytes(content)
        with pytest.raises(DeviceError, match="--make-bundle"):
            runner_command(device(), "litert", broken)
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bundle) as good, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in good.namelist():
            archive.writestr(name, bytes(100_000_000))
    with pytest.raises(DeviceError, match=r"not of 8694168 bytes"):  # read no further than that
        runner_command(device(), "litert", bomb)
    with pytest.raises(DeviceError, match="does not exist"):
        runner_command(device(), "litert", tmp_path / "missing.zip")
    library = runner_command(device(), "litert", bundle).library
    library.write_bytes(library.read_bytes()[:-1])
    with pytest.raises(DeviceError, match=r"not the .* expected"):
        runner_command(device(), "litert", bundle)


@pytest.mark.parametrize(
    ("architecture", "reason"), [("armv7l", "32-bit"), ("x86_64", "not an ARM device"), ("riscv64", "no runner for it")]
)
def test_other_processors_are_refused(architecture: str, reason: str) -> None:
    with pytest.raises(DeviceError, match=reason):
        runner_command(device(architecture), "litert")


def test_unknown_runtimes_are_refused() -> None:
    with pytest.raises(UsageError, match="onnxruntime"):
        runner_command(device(), "onnx")


def test_a_cache_entry_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CA_DEPLOY_CACHE", str(tmp_path))

    def fails(folder: Path) -> None:
        (folder / "half").touch()
        raise DeviceError("half-way")

    with pytest.raises(DeviceError, match="half-way"):
        cached("entry", fails)
    assert not list(tmp_path.iterdir())
    assert (cached("entry", lambda folder: (folder / "whole").touch()) / "whole").exists()
    assert cached("entry", fails) == tmp_path / "entry"  # made once
    monkeypatch.setenv("CA_DEPLOY_CACHE", str(tmp_path / "entry" / "whole"))
    with pytest.raises(DeviceError, match="CA_DEPLOY_CACHE"):
        cached("entry", fails)
