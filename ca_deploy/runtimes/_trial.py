"""A file from elsewhere, opened and run once in a child process: native code that crashes on it takes nobody along, and
none that never ends is waited for.

The child is ``python -m ca_deploy.runtimes._trial <log> <file> <runtime>``. Errors that are raised there are raised by
the caller's own session, too, and are left to it.
"""

import contextlib
import logging
import sys
import threading
from functools import lru_cache
from pathlib import Path

import numpy as np

from ca_deploy.delivery.scratch import temporary
from ca_deploy.errors import ArtifactError
from ca_deploy.processes import child
from ca_deploy.processes.time_limit import UNLIMITED, advice, time_limit_s
from ca_deploy.runtimes import open_session

_DONE = "done"
_SILENT_S = 5.0
_log = logging.getLogger(__name__)


@lru_cache
def try_out(path: Path, runtime: str, written_ns: int) -> None:
    """Open a file, as it was ``written_ns`` after the epoch, and run it once on zeros.

    Raises:
        ArtifactError: the runtime crashed, or took longer than :func:`.time_limit_s`.
    """
    doing, limit_s = "starting", time_limit_s(path)
    notice = threading.Timer(_SILENT_S, _log.info, (f"Trying out {path.name}, for at most {limit_s:.0f} s per step",))
    notice.daemon = True
    with (
        temporary() as scratch,
        child.Child(
            "ca_deploy.runtimes._trial",
            [str(scratch / "log"), str(path), runtime],
            scratch,
            environment=UNLIMITED,
        ) as trial,
    ):
        notice.start()
        try:
            for event in trial.events(limit_s):
                if event == _DONE:
                    return
                doing = event
        finally:
            notice.cancel()
        if trial.is_late:
            raise ArtifactError(
                f"{path} was ended: {doing} it in runtime {runtime} took longer than {limit_s:.0f} s. {advice()}"
            )
        raise ArtifactError(
            f"{path} crashes runtime {runtime}, which {trial.ending()} while {doing} it: the file is damaged, or meets "
            "a bug of the runtime. Export it again, or try another --runtime."
        )


def main() -> None:
    log, path, runtime = sys.argv[1:]
    report = child.reporter(log)
    with contextlib.suppress(Exception):
        report("opening")
        session = open_session(Path(path), runtime, known=True)
        report("running")
        session.run({spec.name: np.zeros([max(1, side) for side in spec.shape], spec.dtype) for spec in session.inputs})
    report(_DONE)


if __name__ == "__main__":
    main()
