"""``ca_deploy.attention``: where a network looks, by the gates of its attention and by Grad-CAM."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ca_deploy.api._arguments import listed, model_of
from ca_deploy.errors import UsageError
from ca_deploy.progress import Step, no_step
from ca_deploy.records.model import ModelSource

if TYPE_CHECKING:
    from torch import nn

    from ca_deploy.records.attention import AttentionReport


def attention(
    models: "str | ModelSource | nn.Module | Sequence[str | ModelSource | nn.Module]",
    image: str | Path,
    *,
    output: str | Path | None = None,
    blocks: str | Sequence[str] = (),
    wanted: str | None = None,
    source: ModelSource | None = None,
    against: "str | ModelSource | nn.Module | None" = None,
    step: Step = no_step,
) -> "list[AttentionReport]":
    """Read the gates of networks on a photo, and draw them: a line per network, the photo, Grad-CAM, and the gates.

    Args:
        models: networks, each as for :func:`export`, and exported files; ``source`` applies to networks that are named.
        image: an image file.
        output: a ``.png``, ``.svg`` or ``.pdf``; without it, nothing is drawn.
        blocks: paths of the blocks to draw; by default the last one of each size of map.
        against: the network that exported files were made from, where their manifests cannot say: its factory, or the
            object itself.
        wanted: the class that Grad-CAM explains, by label or number; by default the most probable one.
        step: called with the progress in a few words.

    Raises:
        CaDeployError: see :mod:`ca_deploy.errors`; nothing is left half-written.
    """
    from ca_deploy.api import preflight

    several = list(models) if isinstance(models, Sequence) and not isinstance(models, str) else [models]
    if not several:
        raise UsageError("Name a network whose attention is to be read.")
    sources = [model_of(one, source) for one in several]
    from ca_deploy.evaluation.predictor import model_suffixes

    is_file = [module is None and Path(named.model).suffix in model_suffixes() for named, module in sources]
    if against is not None and not any(is_file):
        raise UsageError("--against names the network of exported files, of which there are none here. Leave it out.")
    for (named, module), file in zip(sources, is_file, strict=True):
        if module is None and not file:
            preflight.check_source(named)
    place = Path(output) if output is not None else None
    from ca_deploy.evaluation.attention_picture import SUFFIXES, drawn

    if place is not None and place.suffix.lower() not in SUFFIXES:
        raise UsageError(f"--output {place}: {place.suffix or 'no suffix'} is not drawn. One of {', '.join(SUFFIXES)}.")
    step("importing PyTorch")
    from ca_deploy.delivery import write_atomically
    from ca_deploy.evaluation.attention_maps import chosen, look, look_into
    from ca_deploy.evaluation.predictor import open_predictor
    from ca_deploy.evaluation.reference import network_for
    from ca_deploy.networks.source import load

    original = ModelSource(against) if isinstance(against, str) else against
    found = []
    for (named, module), file in zip(sources, is_file, strict=True):
        step(f"reading the gates of {Path(named.model).name if file else named.stem}")
        if not file:
            found.append(look(load(named, module), Path(image), wanted))
            continue
        path = Path(named.model)
        predictor = open_predictor(path)
        network = network_for(predictor, original, None, path.parent)
        found.append(look_into(path, predictor, network, Path(image)))
    picked = [(looked, chosen(looked.report, listed(blocks))) for looked in found]
    if place is not None:
        step("drawing")
        write_atomically(place, drawn(picked, place.suffix.lower()))
    return [looked.report for looked in found]
