"""A ``.pt2`` file -> ``torch.export.ExportedProgram``, without running anything that the file brings along.

``torch.export.load`` (PyTorch 2.13, 2.14) unpickles members, evaluates size expressions and guards as Python, imports
modules that the file names, makes source code of its names, and loads compiled libraries. So the file is vetted first,
and PyTorch is handed a fresh archive of exactly what was vetted: no other reading of the same file can differ from it.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.errors import ProgramError, first_line
from ca_deploy.programs.archive import damaged, read_members, rebuilt, refused

if TYPE_CHECKING:
    from torch.export import ExportedProgram


def load(path: Path) -> "ExportedProgram":
    """The program that ``torch.export.save`` (PyTorch 2.9 or newer) wrote.

    What passes: uncompressed members that ``torch.export.save`` writes, raw weights, example inputs that
    ``torch.load(weights_only=True)`` reads, ATen operators that touch no file, control flow, and sizes as arithmetic.

    Raises:
        ProgramError: missing, damaged, of another kind or version; or refused, with the name of what would run.
    """
    members = read_members(path)
    # PyTorch takes seconds to import, and what is no archive was refused above.
    from torch.export.pt2_archive._package import load_pt2

    from ca_deploy.programs.contents import objections

    try:
        objection = next(objections(members), None)
        if objection is not None:
            raise refused(path, objection)
        # Not torch.export.load: where this fails, it tries the format of PyTorch 2.7, which is pickled (2.13, 2.14).
        return load_pt2(rebuilt(members)).exported_programs["model"]
    except ProgramError:
        raise
    except Exception as error:  # loading raises whatever its parts raise
        raise damaged(path, first_line(error)) from error
