"""Parity reports: the comparison of a model's outputs with a reference."""

from collections.abc import Iterable, Mapping
from enum import StrEnum

from ca_deploy.records.recipe import Tolerances
from ca_deploy.records.record import record
from ca_deploy.records.tensors import FedInput


class Status(StrEnum):
    """The result of comparing a model's outputs with a reference."""

    PASS = "pass"  # within the tolerances
    FAIL = "fail"  # outside them
    SKIPPED = "skipped"  # the comparison could not be run, or says too little; never counts as a pass

    @classmethod
    def worst(cls, found: "Iterable[Status]") -> "Status":
        """The status of several comparisons together: the first of fail, skipped and pass that one has."""
        return min(found, key=[cls.FAIL, cls.SKIPPED, cls.PASS].index)


@record
class DefaultSettings:
    """The figures without the ``needed`` settings, on a machine whose default settings compute other outputs.

    The figures are those of :class:`ParityReport`. ``worse``: the agreement is lower, or the SQNR by more than 0.3 dB.
    """

    needed: Mapping[str, str]
    runtime: str
    max_abs_error: float | None
    sqnr_db: float | None
    agreement: float | None
    worse: bool

    @property
    def note(self) -> str:
        """A sentence for deployments on such a machine, or "" if the default settings are not worse."""
        if not self.worse:
            return ""
        figures = [f"SQNR {self.sqnr_db:.1f} dB"] if self.sqnr_db is not None else []
        figures += [f"agreement {self.agreement:.1f} %"] if self.agreement is not None else []
        settings = " and ".join(f"{name} = {value}" for name, value in self.needed.items())
        return (
            f"With default settings, {self.runtime.partition(',')[0]} gives other answers on this processor: "
            f"{', '.join(figures)}. x86 without VNNI accumulates INT8 products in 16 bits, which saturate; ARM does "
            f"not. To deploy on x86, set the session option {settings} (as the exported .py does), or export with a "
            "float recipe."
        )


@record
class ChannelParity:
    """One channel of an output, or an output without channels, compared with the reference's.

    ``sqnr_db`` is ``10 log10(variance of the reference / mean squared error)``, None where they are equal.
    ``variance_explained_percent`` is the same as a share (R², which may be negative). ``offset`` is the mean error, and
    ``gain`` the slope of the output over the reference; ``systematic`` is the error that the two explain, at least and
    beyond chance. It and ``offset`` are in standard deviations of the reference. ``values`` and ``reference_values``
    count the different values among some thousand. ``constant``: the reference is, and the error is judged by the
    spread of other channels.
    """

    channel: int
    sqnr_db: float | None
    variance_explained_percent: float
    offset: float
    gain: float
    systematic: float
    values: int
    reference_values: int
    constant: bool = False


@record
class ChannelsParity:
    """The worst of the ``count`` channels of an output along ``axis`` (0 is the batch), in each respect.

    ``position_sqnr_db`` is the lowest at any ``position`` of a map, over all channels, each by its own spread; None
    where they are equal.
    """

    count: int
    axis: int
    noisiest: ChannelParity
    most_systematic: ChannelParity
    fewest_values: ChannelParity
    position: tuple[int, ...] = ()
    position_sqnr_db: float | None = None


@record
class UnroundedParity:
    """An output of an integer file whose activations are not rounded: the channel furthest below what it needs.

    ``sqnr_db`` is that of :class:`ChannelParity` (None where equal); ``expected_db`` is what rounding of the weights
    alone leaves, measured with weights moved at random (None: it changes nothing), and ``least_db`` what is needed.
    """

    channel: int
    sqnr_db: float | None
    expected_db: float | None
    least_db: float


@record
class OutputParity:
    """One output compared with the reference's: the figures are those of :class:`ParityReport`.

    ``equal_percent`` is the share of equal values of an output of integers, which has no SQNR and no error; None for
    floats. ``missed`` lists the tolerances that it misses. ``channels`` is None for integers. ``unrounded`` is None for
    integers, for files without integer weights, and where it was not measured.
    """

    name: str
    max_abs_error: float | None = None
    sqnr_db: float | None = None
    cosine: float | None = None
    equal_percent: float | None = None
    missed: tuple[str, ...] = ()
    channels: ChannelsParity | None = None
    unrounded: UnroundedParity | None = None


@record
class SizeParity:
    """The comparison on images of another size than the network's own, with the figures of :class:`ParityReport`."""

    height: int
    width: int
    status: Status
    max_abs_error: float | None = None
    sqnr_db: float | None = None
    agreement: float | None = None


@record
class RuntimeParity:
    """The comparison in one of several runtimes, with the figures of :class:`ParityReport`."""

    runtime: str
    status: Status
    max_abs_error: float | None = None
    sqnr_db: float | None = None
    agreement: float | None = None


@record
class LayerParity:
    """What a ``module`` of the network gives, compared with a ``tensor`` of the file.

    ``sqnr_db`` (None where they are equal) and ``max_abs_error`` are of all samples together. ``before_db`` is the
    lowest SQNR of the modules whose values it takes, so that their difference is lost here; None where these are equal
    to the network's, or it takes the network's input. ``not_a_number``: the file gives NaN there.
    """

    module: str
    tensor: str
    sqnr_db: float | None
    max_abs_error: float
    before_db: float | None = None
    not_a_number: bool = False

    @property
    def lost_db(self) -> float | None:
        """By how much the SQNR is lower than before; None where one of the two is not known."""
        return None if self.sqnr_db is None or self.before_db is None else self.before_db - self.sqnr_db


@record
class LayersParity:
    """The ``layers`` of a file on the first ``samples``, in the order of the network.

    ``absent`` are modules of which the file has no tensor: their operators were fused with others, or written in
    another way.
    """

    samples: int
    layers: tuple[LayerParity, ...]
    absent: tuple[str, ...] = ()

    @property
    def by_loss(self) -> list[LayerParity]:
        """Those that lose most first."""
        return sorted(self.layers, key=lambda one: -(one.lost_db or 0))


@record
class ParityReport:
    """The outputs of ``subject`` compared with those of ``reference`` on ``images`` held-out images or samples.

    ``agreement`` is in percent, and at most ``agreement_at_most`` in all images, with 95 % confidence (Clopper and
    Pearson). ``sqnr_db`` is that of whole outputs in dB (None where they are equal), ``max_abs_error`` in units of the
    output; of several ``outputs``, ``sizes`` or ``runtimes``, they are the worst. ``reason`` is why the comparison
    was skipped, or which tolerances were missed. ``agreement_name`` is what the task calls the agreement. ``image_set``
    says what the images are: ``held-out images of photos/``. A manifest keeps their hashes in its ``images``.
    ``inputs`` are the file's, for one inference. ``not_unrounded`` is why an integer file could not be
    compared without rounding, too (:class:`UnroundedParity`). ``layers`` is None where they were not asked for.
    """

    status: Status
    reason: str
    subject: str
    reference: str
    runtime: str
    tolerances: Tolerances
    images: int = 0
    max_abs_error: float | None = None
    sqnr_db: float | None = None
    cosine: float | None = None
    agreement: float | None = None
    images_sha256: tuple[str, ...] = ()
    default_settings: DefaultSettings | None = None
    agreement_name: str = "top-1 agreement"
    outputs: tuple[OutputParity, ...] = ()
    sizes: tuple[SizeParity, ...] = ()
    agreement_at_most: float | None = None
    image_set: str = ""
    runtimes: tuple[RuntimeParity, ...] = ()
    inputs: tuple[FedInput, ...] = ()
    not_unrounded: str = ""
    layers: LayersParity | None = None
