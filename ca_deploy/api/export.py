"""``ca_deploy.export``: a network -> verified files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.api._arguments import listed, model_of
from ca_deploy.lowering.rules import DEFAULT
from ca_deploy.progress import NamedStep, no_named_step
from ca_deploy.recipes import choose_recipes
from ca_deploy.records.model import DEFAULT_MODEL, ModelSource

if TYPE_CHECKING:
    from torch import nn

    from ca_deploy.pipeline.export import Export


def export(
    model: "str | ModelSource | nn.Module" = DEFAULT_MODEL,
    *,
    source: ModelSource | None = None,
    formats: Sequence[str] = (),
    int8: bool = False,
    fp16: bool = False,
    recipes: Sequence[str] = (),
    calibration: str | None = None,
    calibration_count: int | None = None,
    held_out: int | None = None,
    output: str | Path = ".",
    dynamic_batch: bool = False,
    batch: int = 1,
    dynamic_size: bool = False,
    sizes: Sequence[tuple[int, int]] = (),
    check: Sequence[str] = (),
    zipped: bool = False,
    lowering: str = DEFAULT,
    step: NamedStep = no_named_step,
) -> "list[Export]":
    """Export a trained network, verify every file against PyTorch, and write a manifest beside it.

    Args:
        model: a registered name, ``package.module:factory``, a ``.pt2`` file, a :class:`ModelSource` that also names
            weights, sizes and preprocessing, or a trained ``nn.Module`` object (which is copied).
        source: for an ``nn.Module``: its input size, preprocessing and labels, which the object does not contain.
        formats: names of ``ca-deploy list formats``, such as ``"tflite"``.
        int8: the format's static INT8 recipe, with float32 input and output.
        fp16: the format's float16 recipe; without either, float32.
        recipes: recipes by name (``"tflite_static_wi8_ai16"``) or TOML path, instead of the flags.
        calibration: name of a set, TOML path, folder of photos, or ``.npz`` of samples of all inputs; by default the
            model's own set.
        calibration_count: number of calibration images; by default the set's own, 200 for a folder.
        held_out: number of images held out to verify the files, 32 at least; by default the set's own, 128 for a
            folder, or half of a smaller one.
        output: folder for the files; created if missing.
        dynamic_batch: make the batch dimension dynamic, which not every format can.
        batch: the number of samples that the files take at once.
        dynamic_size: let the image have any height and width, which not every format can.
        sizes: sizes, height and width, that the image may have beside its own, which not every format can.
        check: targets (``"xnnpack"``) that check the files of their formats; findings go into the manifest.
        zipped: also pack Core ML's folder into a .zip.
        lowering: how attention is written: ``"default"`` (what was measured to be fastest on the format's runtime),
            ``"reference"`` (as in the network), a name of ``ca_deploy/lowering/rules.toml``, a TOML file like it, or
            ``"key=value,…"`` of :class:`ca_deploy.records.lowering.Choice`.
        step: called with ``(recipe, progress in a few words)``, and with a :class:`ca_deploy.progress.Counted` as often
            as something is counted.

    Returns:
        One :class:`Export` per recipe, in the order requested. A file that misses its tolerances is kept, and
        ``Export.passed`` is False.

    Raises:
        ExportFailed: some recipes failed; the files of the others are delivered, and are its ``exports``.
        CaDeployError: see :mod:`ca_deploy.errors`; nothing is left half-written.
    """
    from ca_deploy.api import preflight
    from ca_deploy.delivery import EXPORT_BYTES
    from ca_deploy.pipeline.request import requested

    named, module = model_of(model, source)
    if module is None:
        preflight.check_source(named)
    preflight.check_calibration(calibration)
    request = requested(
        named,
        choose_recipes(listed(formats), int8, fp16, listed(recipes)),
        Path(output),
        calibration=calibration,
        calibration_count=calibration_count,
        held_out=held_out,
        dynamic_batch=dynamic_batch,
        batch=batch,
        dynamic_size=dynamic_size,
        sizes=sizes,
        targets=listed(check),
        zipped=zipped,
        module=module,
        lowering=lowering,
    )
    preflight.check_output(request.output, EXPORT_BYTES)
    step("", "importing PyTorch")
    from ca_deploy.pipeline import export as pipeline

    return pipeline.export(request, step)
