"""The source of a network: a small, picklable description that needs no torch."""

import math
import shlex
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator

from ca_deploy.errors import UsageError, unknown_name
from ca_deploy.files import file_stem
from ca_deploy.records.boxes import BoxCoding
from ca_deploy.records.codec import Unreadable, decode, parse_toml
from ca_deploy.records.input_wish import InputWish
from ca_deploy.records.network_cost import PublishedFigures
from ca_deploy.records.preprocessing import Channels, Fit, Size
from ca_deploy.records.record import record

_REGISTRY = Path(__file__).parents[1] / "models"
DEFAULT_MODEL = "mobilenet_v2_ca"


def _tuple_of_list(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


# Values for R, G and B; a list is accepted too, because JSON and TOML have no tuples.
_Rgb = Annotated[tuple[float, float, float], BeforeValidator(_tuple_of_list)]


@record
class RegisteredModel:
    """One TOML of ``ca_deploy/models``: a network with a name, and figures of it that papers print.

    ``fit`` is how photos get its size, where neither the user nor the weights say.
    """

    name: str
    description: str
    factory: str
    input_size: int
    weights: Path | None = None
    calibration: str | None = None
    task: str | None = None
    fit: Fit | None = None
    author: str | None = None
    licence: str | None = None
    published: tuple[PublishedFigures, ...] = ()


@record
class ModelSource:
    """A network, its weights and its preprocessing. A field that is None is taken from the model or its checkpoint.

    ``model`` is a registered name, ``package.module:factory``, or the path of a ``.pt2`` program. ``weights_key`` names
    the entry of ``weights`` to load, where several fit. ``backbone_weights`` are those of the same network without
    attention, which is added with open gates. ``mean`` to ``labels`` are for models that do not contain them;
    ``labels`` is a text file, one name per line. ``evaluation_mode`` rewrites a program that was saved in training mode
    to what it computes after ``.eval()``. ``task`` names the meaning of the outputs (:mod:`ca_deploy.tasks`), ``head``
    what the network is wrapped in, one of its task's, and ``name`` is what files are called instead of the model.
    ``score_threshold``, ``iou_threshold`` and ``max_detections`` are those of a head that suppresses boxes.
    ``inputs`` say what the parameters of the network's ``forward`` are; without them, the only one is an image.
    ``box_coding`` says what the outputs of a detector mean that does not say so itself, as a program cannot.
    """

    model: str = DEFAULT_MODEL
    weights: Path | None = None
    weights_key: str | None = None
    backbone_weights: Path | None = None
    input_size: Size | None = None
    num_classes: int | None = None
    width: float | None = None
    random_weights: bool = False
    evaluation_mode: bool = False
    mean: _Rgb | None = None
    std: _Rgb | None = None
    resize: int | None = None
    crop: Size | None = None
    fit: Fit | None = None
    channels: Channels | None = None
    value_range: Literal[1, 255] | None = None
    padding: tuple[int, int, int] | None = None
    labels: Path | None = None
    task: str | None = None
    head: str | None = None
    score_threshold: float | None = None
    iou_threshold: float | None = None
    max_detections: int | None = None
    name: str | None = None
    inputs: tuple[InputWish, ...] = ()
    box_coding: BoxCoding | None = None

    def __post_init__(self) -> None:
        # 0 leaves out the head in many factories, timm's among them.
        if self.num_classes is not None and self.num_classes < (least := 1 if self.is_registered else 0):
            raise UsageError(f"--num-classes {self.num_classes} is not possible: {self.model} takes {least} or more.")
        if self.width is not None and not 0 < self.width < math.inf:
            raise UsageError(f"--width {self.width:g} is not possible: it multiplies numbers of channels, as in 0.5.")
        if self.random_weights and self.weights is not None:
            raise UsageError("--random-weights and --weights contradict each other. Leave one of them out.")
        if self.backbone_weights is not None and (self.random_weights or self.weights is not None):
            other = "--random-weights" if self.random_weights else "--weights"
            raise UsageError(f"--backbone-weights and {other} contradict each other. Leave one of them out.")
        if self.weights_key is not None and self.weights is None and self.backbone_weights is None:
            raise UsageError("--weights-key names an entry of the file that --weights names: pass that too.")
        if self.is_program:
            given = [f for f in ("weights", "backbone_weights", "width", "num_classes") if getattr(self, f) is not None]
            if given or self.random_weights:
                flags = ", ".join("--" + f.replace("_", "-") for f in given) or "--random-weights"
                raise UsageError(f"{self.model} is a program with its own weights and shapes: drop {flags}.")

    @property
    def is_program(self) -> bool:
        return self.model.endswith(".pt2")

    @property
    def is_registered(self) -> bool:
        """Whether ``model`` is a registered name, not a factory or a program."""
        return self.model in registered_models()

    @property
    def names_weights(self) -> bool:
        """Whether weights were given, or random ones requested."""
        return self.random_weights or self.weights is not None or self.backbone_weights is not None

    @property
    def stem(self) -> str:
        """The start of the names of exported files: ``mobilenet_v2_ca``."""
        if self.name is not None:
            return file_stem(self.name)
        if self.is_program:
            return file_stem(Path(self.model).stem)
        return file_stem(self.model.rpartition(":")[2].replace(".", "_"))

    def registered(self) -> RegisteredModel | None:
        """The registry's entry, or None for a factory or a program.

        Raises:
            UsageError: ``model`` is not a registered name, a factory or a program.
        """
        if self.is_program or ":" in self.model:
            return None
        if not self.model.endswith(".py") and Path(self.model).is_file():
            raise UsageError(
                f"{self.model!r} is a file, and the model is a name or code: its weights go with it, as in "
                f"my_package.my_model:build --weights {shlex.quote(self.model)}. Only a torch.export program is both; "
                "its name ends in .pt2."
            )
        if self.model.endswith(".py") or "/" in self.model:
            raise UsageError(
                f"{self.model!r}: ca-deploy only imports code that is named as package.module:factory. "
                "Put its folder on PYTHONPATH and write, for instance, my_package.my_model:build."
            )
        known = registered_models()
        if self.model not in known:
            raise unknown_name("model", self.model, known, "ca-deploy list models")
        return known[self.model]


def registered_models() -> dict[str, RegisteredModel]:
    """All registered networks by name, one TOML each in ``ca_deploy/models``.

    Raises:
        UsageError: a TOML is malformed; the message lists every error.
    """
    return {path.stem: _registered(path) for path in sorted(_REGISTRY.glob("*.toml"))}


def _registered(path: Path) -> RegisteredModel:
    try:
        found = decode(RegisteredModel, parse_toml(path), name=path.stem)
    except Unreadable as error:
        raise UsageError(*error.about(f"Registered model {path}")) from error
    return found if found.weights is None else replace(found, weights=path.parent / "weights" / found.weights)
