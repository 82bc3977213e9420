"""Accounts and ssh configurations as people have them: a real sshd with real login shells, on this processor."""

import os
import platform
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ca_deploy.devices import open_device
from ca_deploy.devices._ssh_hosts import configured_hosts
from ca_deploy.errors import DeviceError, UsageError
from ca_deploy.latency.jobs import Wishes
from ca_deploy.latency.session import profile_on
from tests.devices.kit import Kit
from tests.devices.machines import Machine, linux_machine
from tests.latency.kit import SHORT
from tests.latency.models import onnx_file, tflite_file

SHELLS = ("dash", "bash", "fish", "tcsh", "busybox")
# What people's login files print, on both outputs, for each shell that reads one when ssh runs a command.
GREETINGS = {
    "bash": (".bashrc", "echo Welcome; echo 'unread mail' >&2\n"),
    "fish": (".config/fish/config.fish", "echo Welcome; echo 'unread mail' >&2\n"),
    "tcsh": (".tcshrc", "echo Welcome\nset echo\nset verbose\n"),  # and echoes every command that it gets
}
Start = Callable[..., Machine]


@pytest.fixture
def start(arm_kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """``start(shell, …)``: a machine with that login shell, whose ssh is the first in PATH."""
    with ExitStack() as stack:

        def begin(shell: str = "dash", user: str = "pi", prepare: str = "") -> Machine:
            place = tmp_path / "machine"
            paths = {"dash": "/bin/sh", "bash": "/bin/bash", "nologin": "/usr/sbin/nologin"}
            if shell == "echo":
                cat = tmp_path / "echo"
                cat.write_text("#!/bin/sh\nexec cat\n")
                cat.chmod(0o755)
                paths["echo"] = str(cat)
            path = paths.get(shell) or str(arm_kit.login_shell(shell, tmp_path / "shells" / shell))
            machine = stack.enter_context(
                linux_machine(arm_kit, place, path, user, prepare.format(home=place / "home"))
            )
            if shell in GREETINGS:
                name, content = GREETINGS[shell]
                (place / "home" / name).parent.mkdir(parents=True, exist_ok=True)
                (place / "home" / name).write_text(content)
            monkeypatch.setenv("PATH", machine.path_variable())
            return machine

        yield begin


def configure(machine: Machine, settings: str) -> None:
    """Put settings before the others of the ssh configuration."""
    file = machine.path.parent / "config"
    file.write_text(f"Host *\n{settings}\n{file.read_text()}")


def works(name: str, folder: Path) -> None:
    """A file with an awkward name and content arrives, runs and comes back, and nothing stays."""
    sent, back = folder / "it's (1) \\n ünïcode.sh", folder / "back"
    sent.write_bytes(b"#!/bin/sh\nprintf 'a\\000\\r\\n\\377'; echo problem >&2; exit 37\n")
    with open_device(name) as device:
        assert device.probe().architecture == platform.machine()
        places = device.push([sent])
        done = device.run([places[sent], "a 'b'", "$HOME"], 30)
        assert (done.returncode, done.stdout, done.stderr) == (37, b"a\0\r\n\xff", b"problem\n")
        device.pull(places[sent], back)
        scratch = device.scratch()
    assert back.read_bytes() == sent.read_bytes()
    assert not Path(scratch).exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_login_shells(start: Start, shell: str, tmp_path: Path) -> None:
    works(start(shell).name, tmp_path)


def test_ssh_configurations(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of these settings broke something."""
    machine = start("bash")
    configure(
        machine,
        "RemoteCommand tmux attach\nRequestTTY force\nLogLevel QUIET\nStdinNull yes\n"
        "PermitLocalCommand yes\nLocalCommand echo connected to %h",
    )
    long = tmp_path / ("a" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))  # as from TMPDIR: too long for a socket
    works(machine.name, tmp_path)


def test_addresses(start: Start, tmp_path: Path) -> None:
    machine = start(user="pi@corp")
    port = machine.name.rpartition(":")[2]
    works(f"ssh://pi@corp@127.0.0.1:{port}", tmp_path)
    if Path("/proc/net/if_inet6").is_file():  # some containers have no IPv6
        works(f"ssh://pi%40corp@[::1]:{port}/", tmp_path)
    configure(machine, f"Port {port}\nUser pi@corp\nHostName 127.0.0.1")
    works("ssh://workshop", tmp_path)


@pytest.mark.parametrize(
    "name",
    ["ssh://-oProxyCommand=touch x", "ssh://-v@host", "ssh://::1", "ssh://pi@", "ssh://a b", "ssh://h:x", "ssh:h"],
)
def test_what_is_no_address_reaches_no_ssh(name: str) -> None:
    with pytest.raises(UsageError, match="write ssh://"):
        open_device(name)


def test_an_account_without_a_shell(start: Start) -> None:
    machine = start("nologin")
    with pytest.raises(DeviceError, match=r"ended with exit code 1 without running our script.*not available"):
        open_device(machine.name).probe()


def test_a_login_that_only_echoes(start: Start) -> None:
    machine = start("echo")
    with pytest.raises(DeviceError, match="sends back what it gets, and runs none of it"):
        open_device(machine.name).probe()


def test_a_failure_is_explained_by_what_happened(start: Start) -> None:
    """Not by the last line of standard error, which here is a warning that has nothing to do with it."""
    machine = start()
    configure(machine, "LogLevel QUIET\nPermitLocalCommand yes\nLocalCommand echo WARNING: mail >&2")
    closed = machine.name.rpartition(":")[0] + ":1"
    with pytest.raises(DeviceError, match=r"Connection refused\. No ssh server listens there"):
        open_device(closed).probe()
    configure(machine, "IdentityFile /dev/null\nIdentitiesOnly yes\nPubkeyAuthentication no")
    with pytest.raises(DeviceError, match=r"Permission denied .*ssh-copy-id"):
        open_device(machine.name).probe()
    (machine.path.parent / "config").write_text("NoSuchOption yes\n")
    with pytest.raises(DeviceError, match=r"Bad configuration option: nosuchoption"):
        open_device(machine.name).probe()


def test_a_host_with_another_key_is_refused(start: Start) -> None:
    machine = start()
    other = (machine.path.parent / "user_key.pub").read_text().split()[:2]
    port = machine.name.rpartition(":")[2]
    (machine.path.parent / "known").write_text(f"[127.0.0.1]:{port} {' '.join(other)}\n")
    with pytest.raises(DeviceError, match=r"[Hh]ost key verification failed\. Its key is unknown or has changed"):
        open_device(machine.name).probe()


def test_a_folder_that_runs_no_programs(start: Start, tmp_path: Path) -> None:
    machine = start(prepare="mount -t tmpfs -o noexec none {home}")
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    with open_device(machine.name) as device:
        places = device.push([program])
        with pytest.raises(DeviceError, match=r"runs no programs in .*home is mounted noexec.*remount,exec"):
            device.run([places[program]], 30)


def test_a_home_that_cannot_be_written(start: Start) -> None:
    machine = start(prepare="mount -t tmpfs -o ro none {home}")
    with pytest.raises(DeviceError, match=r"home/\.cache/ca-deploy cannot be written"):
        open_device(machine.name).probe()


def test_machines_with_this_kind_of_processor_are_measured_by_their_python(start: Start, tmp_path: Path) -> None:
    files = [tflite_file(tmp_path / "a.tflite"), onnx_file(tmp_path / "a.onnx")]
    report = profile_on(start("fish").name, files, Wishes(protocol=SHORT, verify=True))
    assert report.failures == {}
    assert {found.engine.runner for found in report.measurements} == {"python"}
    with pytest.raises(DeviceError, match="--runner python"):
        profile_on(report.device.name, files, Wishes(protocol=SHORT, runner="c"))


def test_hosts_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ssh itself finds the files; in them stands what ssh accepts."""
    main, included = tmp_path / "config", tmp_path / "more" / "lab"
    included.parent.mkdir()
    main.write_text(
        f"# Host commented\nInclude {tmp_path}/more/*\nHost=equals # not-me\n"
        '  host "quoted" second\nHost *.lan !no any?\nHostName nine\n'
    )
    included.write_text('HOST\tincluded equals\nHost "open\n')
    (tmp_path / "bin").mkdir()
    wrapper = tmp_path / "bin" / "ssh"
    wrapper.write_text(f'#!/bin/sh\nexec /usr/bin/ssh -F {main} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")
    assert configured_hosts() == {"included": included, "equals": main, "quoted": main, "second": main}
