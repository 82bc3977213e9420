"""``ca_deploy.check``: which operators run on which target."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.api._arguments import listed
from ca_deploy.errors import UsageError
from ca_deploy.progress import NamedStep, no_named_step
from ca_deploy.recipes import mode_of
from ca_deploy.records.model import ModelSource

if TYPE_CHECKING:
    from ca_deploy.records.compat import CompatReport


def check(
    file: str | Path | None = None,
    targets: Sequence[str] = (),
    *,
    before: "str | ModelSource | None" = None,
    int8: bool = False,
    fp16: bool = False,
    step: NamedStep = no_named_step,
) -> "list[CompatReport]":
    """Which operators of a model file run on the targets, why the others do not, and what to write instead.

    Args:
        file: a ``.tflite``, ``.onnx``, ``.mlpackage`` or ``.pt2`` file from any tool.
        targets: names of ``ca-deploy list targets``, with a level as in ``"nnapi:29"``; by default all that check such
            a file.
        before: instead of a file, a model as for :func:`export`, trained or not, to check before its export.
        int8, fp16: with ``before``: check it as INT8, or as float16.
        step: called with ``(target or recipe, progress in a few words)``.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`.
    """
    from ca_deploy.api import preflight
    from ca_deploy.compat.check import check as check_file
    from ca_deploy.pipeline.before_export import check_before_export

    if (file is None) == (before is None):
        raise UsageError("Name either a FILE to check, or a model with --before MODEL.")
    if file is not None and (int8 or fp16):
        raise UsageError("--int8 and --fp16 apply to a model that is not exported yet: name it with --before MODEL.")
    if int8 and fp16:
        raise UsageError("--int8 and --fp16 contradict each other: use one of them.")
    targets = listed(targets)
    if file is not None:
        return check_file(Path(file), targets, step)
    if not isinstance(before, str | ModelSource):
        raise UsageError(
            "A model to check is a name or a ModelSource. Save an nn.Module by torch.export.save, and name it."
        )
    source = ModelSource(before) if isinstance(before, str) else before
    preflight.check_source(source)
    return check_before_export(source, targets, mode_of(int8, fp16), step)
