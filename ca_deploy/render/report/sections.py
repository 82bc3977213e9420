"""A report on a folder -> its sections, in the order in which they are read."""

from collections.abc import Iterator, Sequence

from ca_deploy.errors import listed
from ca_deploy.records.accuracy import AccuracyReport
from ca_deploy.render import accuracy, latency, lowering, parity
from ca_deploy.render.blocks import Column, Facts, Hint, Line, Phrase, Piece, Role, Table, without_empty
from ca_deploy.render.report import delegates
from ca_deploy.render.report.attention import looks
from ca_deploy.render.report.choice import chosen
from ca_deploy.render.report.figures import Details, Part, Section
from ca_deploy.render.report.layers import layers
from ca_deploy.render.report.origin import origin
from ca_deploy.render.report.speed import speed
from ca_deploy.reporting import Report
from ca_deploy.reporting.chance import accuracy_interval
from ca_deploy.reporting.found import Shipped
from ca_deploy.reporting.photos import main_figure

Numbers = dict[str, int]
# A page of many files has to stay small: kinds of findings per file and target, files whose nodes are named, layers.
_KINDS_SHOWN, _KINDS_OF_ALL, _NAMED_STRIPS = 6, 60, 12
_LEAST_LAYERS, _LAYERS_OF_ALL = 10, 1000
_MOST_CELLS = 200
_CLASSES = 12


def sections(report: Report) -> tuple[Section, ...]:
    """Those that have something to say; the recommendation is the first."""
    files = report.collection.files
    numbers = {file.label: number for number, file in enumerate(files, start=1)}
    made = (
        Section("Which file to ship", "choice", tuple(chosen(report.choices, numbers))),
        Section("Left out", "left-out", tuple(_left_out(report))),
        Section("Files", "files", (_files(files, numbers),)),
        Section("Parity with PyTorch", "parity", tuple(_parity(files, numbers))),
        Section("Accuracy", "accuracy", tuple(_accuracy(report, numbers))),
        Section("Speed", "speed", tuple(speed(report.collection.reports))),
        Section("Operators and modules", "operators", tuple(_operators(report))),
        Section("Where delegates break", "delegates", tuple(_delegates(files, numbers))),
        Section(
            "Where the network looks",
            "attention",
            tuple(looks(report.collection.attention, report.collection.pictures)),
        ),
        Section("Where it comes from, and how to make it again", "origin", tuple(origin(report, numbers))),
    )
    return tuple(section for section in made if section.parts)


def _right(*headings: str) -> tuple[Column, ...]:
    return tuple(Column(heading, "right") for heading in headings)


def _left_out(report: Report) -> Iterator[Part]:
    found = report.collection
    if found.problems:
        left = tuple((path, Piece(said, Role.BAD)) for path, said in found.problems.items())
        yield Table((Column("damaged or foreign file"), Column("why it is left out")), left)
    if found.cells:
        rows = tuple(
            (
                f"{cell.what} of {cell.file}{f' on {cell.on}' if cell.on else ''}",
                Piece(cell.status, Role.BAD),
                cell.reason,
            )
            for cell in found.cells[:_MOST_CELLS]
        )
        yield Table((Column("cell of a sweep without a result"), Column("status"), Column("why")), rows)
        if more := len(found.cells) - len(rows):
            yield Line(f"{more} more cells of sweeps have no result; sweep.json names them all", wrap=True)
    if found.unmatched:
        yield Line(f"records of files that are not here: {'; '.join(found.unmatched)}", wrap=True)
    if found.passed_over:
        yield Line(f"JSON files that are no records of ca-deploy: {', '.join(found.passed_over)}", wrap=True)


def _files(files: Sequence[Shipped], numbers: Numbers) -> Table:
    rows = []
    for file in files:
        found = file.manifest
        best = next(iter(file.accuracies), None)
        rows.append(
            (
                str(numbers[file.label]),
                file.label,
                found.model.name,
                found.recipe.name,
                f"{found.size_bytes / 1e6:.2f}",
                f"{found.size_bytes / found.float32_size_bytes:.2f}" if found.float32_size_bytes else "",
                parity.status(found.parity),
                f"{main_figure(best)[1]:.2f}" if best else "",
            )
        )
    columns = (
        *_right("no."), Column("file"), Column("network"), Column("recipe"), *_right("size (MB)", "of float32"),
        Column("parity"), *_right("accuracy (%)"),
    )  # fmt: skip
    return without_empty(Table(columns, tuple(rows), f"{len(files)} exported files"))


def _parity(files: Sequence[Shipped], numbers: Numbers) -> Iterator[Part]:
    rows, details = [], []
    for file in files:
        for report in file.parities:
            error, sqnr, agreement = parity.figures(report)
            worst = parity.channels(report.outputs[0]) if len(report.outputs) == 1 else ""
            images = f"{report.images} {report.image_set}".strip()
            cells: tuple[Phrase, ...] = (error, sqnr, agreement, report.runtime, images, worst, report.reason)
            rows.append((str(numbers[file.label]), file.label, parity.status(report), *cells))
            if len(report.outputs) > 1:
                details.append(Details(f"Outputs of {file.label}", (parity.outputs(report),)))
            if report.runtimes:
                details.append(Details(f"{file.label} in each runtime", (parity.runtimes(report),)))
            if report.layers is not None:
                most = max(_LEAST_LAYERS, _LAYERS_OF_ALL // len(files))
                details.append(
                    Details(f"Error by layer of {file.label}", tuple(layers(file.label, report.layers, most)))
                )
    columns = (
        *_right("no."), Column("file"), Column("parity"), *_right("max error", "SQNR", "agreement"),
        *map(Column, ("runtime", "compared on", "worst channel", "reason")),
    )  # fmt: skip
    yield without_empty(Table(columns, tuple(rows), "outputs of each file beside those of its network in PyTorch"))
    yield from details


def _accuracy(report: Report, numbers: Numbers) -> Iterator[Part]:
    rows, details = [], []
    found = [(file.label, one) for file in report.collection.files for one in file.accuracies]
    found += [(one.model, one) for one in report.collection.references]
    for label, one in found:
        name, value = main_figure(one)
        low, high = accuracy_interval(one.top1, one.images)
        interval = f"{low:.1f} to {high:.1f}" if value == one.top1 else ""
        paired = one.paired
        against = f"{paired.top1_difference:+.2f} points, p = {paired.p_value:.3g}" if paired else ""
        number = str(numbers[label]) if label in numbers else ""
        beside = f"{against} against {paired.against}" if paired else ""
        rows.append((number, label, name, f"{value:.2f}", interval, str(one.images), one.data, one.runtime, beside))
        parts = (*accuracy.page(one).blocks, *_classes(one))
        details.append(Details(f"Metrics, classes and confusions of {label}", parts))
    if rows:
        columns = (
            *_right("no."), Column("file"), Column("metric"), *_right("%", "95 % interval", "photos"),
            Column("data"), Column("runtime"), Column("paired difference"),
        )  # fmt: skip
        yield without_empty(Table(columns, tuple(rows), "on labelled photos"))
        yield from details


def _classes(found: AccuracyReport) -> Iterator[Table]:
    """The classes with the lowest accuracy, where the metrics have none of them."""
    if found.top1_by_class and not found.by_class_name:
        lowest = sorted(found.top1_by_class.items(), key=lambda one: (one[1], one[0]))[:_CLASSES]
        rows = tuple((name, f"{percent:.2f}") for name, percent in lowest)
        columns = (Column("class"), *_right(f"{found.right_name} (%)"))
        yield Table(columns, rows, f"{len(rows)} of {len(found.top1_by_class)} classes, the lowest first")


def _operators(report: Report) -> Iterator[Part]:
    for found in report.collection.reports:
        for one in found.measurements:
            if one.operators is not None or one.operator_counts is not None:
                _, *remarks = latency.remarks(one, ())
                yield Details(f"{one.name} on {found.device.name}", tuple(remarks))


def _delegates(files: Sequence[Shipped], numbers: Numbers) -> Iterator[Part]:
    rows = []
    details: list[Part] = []
    most = max(2, min(_KINDS_SHOWN, _KINDS_OF_ALL // len(files)))
    for file in files:
        parts: list[Part] = [Line(sentence, wrap=True) for sentence in lowering.sentences(file.manifest.lowering)]
        for record in file.compat:
            rows.append((str(numbers[file.label]), file.label, *delegates.summary(record)))
            if strip := delegates.strip(file.label, record, named=len(files) <= _NAMED_STRIPS):
                parts.append(strip)
            parts += delegates.breaks(record, most)
        if parts:
            broken = [one.target for one in file.compat if one.findings or one.refused]
            said = f", broken on {listed(broken)}" if broken else ", whole on every target asked"
            details.append(Details(f"{file.label}{said}", tuple(parts)))
    if rows:
        columns = (
            *_right("no."), Column("file"), Column("target"), *_right("nodes", "multiply-adds (%)", "pieces"),
            Column("verdict"),
        )  # fmt: skip
        yield Table(columns, tuple(rows), "what each target accelerates; pieces: what it runs without a break")
        yield Hint("drawn below: all nodes of a file from left to right, in the order in which they run")
        yield from details


def about(report: Report) -> Facts:
    """What the report is on."""
    found = report.collection
    rows = (
        ("folders", ", ".join(map(str, found.folders))),
        ("made", f"{report.made_on} by ca-deploy {report.version}"),
    )
    return Facts("", rows)
