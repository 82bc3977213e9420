"""A ``.pt2`` file -> ``torch.export.ExportedProgram``, without running code from the file.

``torch.export.load`` (PyTorch 2.13, 2.14) unpickles members, evaluates size expressions and guards as Python, imports
modules named in the file, generates source code from its names, and loads compiled libraries. So the file is vetted
first, and PyTorch reads a fresh archive of the vetted members only: it cannot parse the original file differently.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import ProgramError, first_line, wrong_in_file
from ca_deploy.programs.archive import check_place, damaged, read_members, rebuilt, refused

if TYPE_CHECKING:
    from torch.export import ExportedProgram

__all__ = ["check_place", "load"]


def load(path: Path) -> "ExportedProgram":
    """Load a program that ``torch.export.save`` (PyTorch 2.9 or newer) wrote.

    Accepted: uncompressed members that ``torch.export.save`` writes, raw weights, example inputs that
    ``torch.load(weights_only=True)`` reads, ATen operators without file access, control flow, and arithmetic on sizes.

    Raises:
        ProgramError: missing, damaged, of another format or version; or refused, naming what could run as code.
    """
    members = read_members(path)
    # PyTorch takes seconds to import, so files that are not archives are refused before it.
    from torch.export.pt2_archive._package import load_pt2

    from ca_deploy.programs.contents import objections

    try:
        objection = next(objections(members), None)
        if objection is not None:
            raise refused(path, objection)
        # torch.export.load (2.13, 2.14) falls back to the pickled format of PyTorch 2.7 where this fails.
        return load_pt2(rebuilt(members)).exported_programs["model"]
    except ProgramError:
        raise
    except Exception as error:  # loading raises whatever its parts raise
        if "deserialize output node" in str(error):  # torch/_export/serde/serialize.py, 2.13
            raise ProgramError(
                f"Program {path} returns something else than tensors ({first_line(error)}). Leave it out of what "
                "forward returns, and save it again."
            ) from error
        raise damaged(path, wrong_in_file(error)) from error
