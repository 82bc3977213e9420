"""The reference executor: runs an ML Program (``.mlpackage``) anywhere, without Core ML."""

from pathlib import Path

from ca_deploy.runtimes import Runtime, Session

RUNTIME = Runtime("mil", (".mlpackage",), "torch", f"{__name__}:open_file", reference=True)


def open_file(path: Path, threads: int, variant: str) -> Session:
    """``threads`` is ignored: PyTorch's thread count is a setting of the whole process."""
    from ca_deploy.mil.executor import Executor
    from ca_deploy.mil.session import ReferenceSession

    return ReferenceSession(Executor(path))
