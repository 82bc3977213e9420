"""An adb daemon that fails on purpose: for what the real one cannot be made to do.

It speaks adb's transport over TCP (protocol.txt and SYNC.TXT of platform/packages/modules/adb) as far as the client's
exec, push and pull need it, without exit codes. Its files lie under ``root``; commands run on this machine, in ``sh``,
with every mention of ``/data/local/tmp`` turned into that folder. One fault at a time:

``unauthorized``     asks for authentication forever
``vanish_in_push``   cuts the link once 100 kB of a pushed file have come
``vanish_in_run``    cuts the link when a command runs that contains ``VANISH``
``vanish_in_pull``   cuts the link in the middle of a pulled file
``no_space``         refuses pushed files after 100 kB
``cut``              ends the output of a command that contains ``CUT`` half-way
``noisy``            its shell and every shell that it starts warn on stderr, which adb merges into the output
``endless``          has a ``vcgencmd`` whose output does not end
"""

import os
import socket
import struct
import subprocess
import threading
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

_NAMES = (b"CNXN", b"OPEN", b"OKAY", b"WRTE", b"CLSE", b"AUTH")
CNXN, OPEN, OKAY, WRTE, CLSE, AUTH = (int.from_bytes(name, "little") for name in _NAMES)
_MAX_DATA = 256 * 1024
_FAULT_AT = 100_000
DEVICE_FOLDER = "/data/local/tmp"


class Vanished(Exception):
    """The fault: the link is cut."""


class FaultyAdbd:
    """Listens on a free port of the loopback interface until ``close``."""

    def __init__(self, root: Path, fault: str, uname: str = "aarch64") -> None:
        self.root, self.fault = root, fault
        self.environment = {"PATH": f"{root}/bin:/usr/bin:/bin", "HOME": str(root)}
        (root / "bin").mkdir(parents=True)
        (root / "tmp").mkdir()
        program = root / "bin" / "uname"
        program.write_text(f'#!/bin/sh\n[ "$1" = -m ] && echo {uname} || echo "Linux 5.4"\n')
        program.chmod(0o755)
        self.shell = "/bin/sh"
        if fault == "noisy":
            self.shell = str(root / "bin" / "sh")
            Path(self.shell).write_text(
                '#!/bin/sh\necho "WARNING: linker: libhook.so: unused DT entry" >&2\nexec /bin/sh "$@"\n'
            )
        if fault == "endless":
            (root / "bin" / "vcgencmd").write_text("#!/bin/sh\nexec yes\n")
        for added in (root / "bin").iterdir():
            added.chmod(0o755)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self._links: list[_Link] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._links.append(_Link(client, self))
                threading.Thread(target=self._links[-1].run, daemon=True).start()

    def close(self) -> None:
        self._server.close()
        for link in self._links:
            link.cut()

    def here(self, path: str) -> Path:
        return Path(path.replace(DEVICE_FOLDER, f"{self.root}/tmp"))


class _Stream:
    """One service that the client opened."""

    def __init__(self, link: "_Link", own: int, other: int) -> None:
        self.link, self.own, self.other = link, own, other
        self.received: SimpleQueue[bytes | None] = SimpleQueue()
        self.ready = threading.Semaphore(0)
        self.open = True
        self._buffer = b""

    def read(self, count: int) -> bytes:
        """Exactly ``count`` bytes; fewer at the end."""
        while len(self._buffer) < count:
            data = self.received.get()
            if data is None:
                break
            self._buffer += data
            self.link.send(OKAY, self.own, self.other)
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def write(self, data: bytes) -> None:
        for start in range(0, len(data), _MAX_DATA):
            if self.open:
                self.link.send(WRTE, self.own, self.other, data[start : start + _MAX_DATA])
                self.ready.acquire()

    def end(self) -> None:
        self.open = False
        self.received.put(None)
        self.ready.release()


class _Link:
    def __init__(self, client: socket.socket, daemon: FaultyAdbd) -> None:
        self._client, self._daemon, self._lock = client, daemon, threading.Lock()
        self._streams: dict[int, _Stream] = {}

    def cut(self) -> None:
        with suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)
        self._client.close()

    def send(self, command: int, first: int, second: int, data: bytes = b"") -> None:
        header = struct.pack("<6I", command, first, second, len(data), sum(data) & 0xFFFFFFFF, command ^ 0xFFFFFFFF)
        with self._lock, suppress(OSError):
            self._client.sendall(header + data)

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._client.recv(count - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    def run(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                command, first, second, size, _, _ = struct.unpack("<6I", self._receive(24))
                self._handle(command, first, second, self._receive(size) if size else b"")
        for stream in list(self._streams.values()):
            stream.end()
        self.cut()

    def _handle(self, command: int, first: int, second: int, data: bytes) -> None:
        if command in (CNXN, AUTH) and self._daemon.fault == "unauthorized":
            self.send(AUTH, 1, 0, bytes(20))
        elif command in (CNXN, AUTH):
            self.send(CNXN, 0x01000001, _MAX_DATA, b"device::ro.product.model=Faulty_Phone;features=cmd")
        elif command == OPEN:
            stream = _Stream(self, len(self._streams) + 1, first)
            self._streams[stream.own] = stream
            threading.Thread(target=self._service, args=(stream, data.rstrip(b"\0").decode()), daemon=True).start()
        elif stream_found := self._streams.get(second):
            if command == OKAY:
                stream_found.ready.release()
            elif command == WRTE:
                stream_found.received.put(data)
            elif command == CLSE:
                stream_found.end()

    def _service(self, stream: _Stream, service: str) -> None:
        kind, _, argument = service.partition(":")
        self.send(OKAY, stream.own, stream.other)
        try:
            if kind.startswith(("exec", "shell")):
                self._command(stream, argument)
            elif kind == "sync":
                self._sync(stream)
        except Vanished:
            self.cut()
        if stream.open:
            stream.open = False
            self.send(CLSE, stream.own, stream.other)

    def _command(self, stream: _Stream, command: str) -> None:
        daemon = self._daemon
        script = command.replace(DEVICE_FOLDER, f"{daemon.root}/tmp")
        process = subprocess.Popen(
            [daemon.shell, "-c", script],
            env=daemon.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def hang_up() -> None:
            stream.read(1)  # exec-out sends nothing: this ends with the stream
            if process.stdin:
                process.stdin.close()

        threading.Thread(target=hang_up, daemon=True).start()
        assert process.stdout is not None
        if daemon.fault == "vanish_in_run" and "VANISH" in command:
            threading.Timer(1.0, self.cut).start()
        if daemon.fault == "cut" and "CUT" in command:
            whole = process.stdout.read()
            stream.write(whole[: len(whole) // 2])
            return
        while stream.open and (data := os.read(process.stdout.fileno(), 65536)):
            stream.write(data)
        if not stream.open:  # the client went away: a program that prints is ended, as a real adbd's is by its pipe
            process.stdout.close()

    def _sync(self, stream: _Stream) -> None:
        while header := stream.read(8):
            kind, size = header[:4], int.from_bytes(header[4:], "little")
            argument = stream.read(size).decode() if size else ""
            if kind == b"STAT":
                self._stat(stream, self._daemon.here(argument))
            elif kind == b"RECV":
                self._give(stream, self._daemon.here(argument))
            elif kind == b"SEND":
                self._take(stream, self._daemon.here(argument.rpartition(",")[0]))
            else:
                return

    def _stat(self, stream: _Stream, path: Path) -> None:
        found = path.stat() if path.exists() else None
        numbers = (found.st_mode, found.st_size, int(found.st_mtime)) if found else (0, 0, 0)
        stream.write(b"STAT" + struct.pack("<3I", *numbers))

    def _give(self, stream: _Stream, path: Path) -> None:
        content = path.read_bytes()
        if self._daemon.fault == "vanish_in_pull":
            stream.write(b"DATA" + struct.pack("<I", len(content)) + content[: len(content) // 2])
            raise Vanished
        for start in range(0, len(content), 65536):
            part = content[start : start + 65536]
            stream.write(b"DATA" + struct.pack("<I", len(part)) + part)
        stream.write(b"DONE" + bytes(4))

    def _take(self, stream: _Stream, path: Path) -> None:
        total, refused = 0, False
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            while header := stream.read(8):
                kind, size = header[:4], int.from_bytes(header[4:], "little")
                if kind == b"DONE":
                    break
                data = stream.read(size)
                total += len(data)
                if total > _FAULT_AT and self._daemon.fault == "vanish_in_push":
                    raise Vanished
                refused = refused or (total > _FAULT_AT and self._daemon.fault == "no_space")
                if not refused:
                    file.write(data)
        reason = b"write failed: No space left on device"
        stream.write(b"FAIL" + struct.pack("<I", len(reason)) + reason if refused else b"OKAY" + bytes(4))
