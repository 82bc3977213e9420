"""Kotlin code that feeds an exported file in an Android app, written from its manifest."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._kotlin_preprocess import constants, helpers, imports, placement, preprocess
from ca_deploy.formats._output import task_of
from ca_deploy.records.manifest import Manifest
from ca_deploy.tasks import Ran

_FILE = Template("""// $headline with $file (written by ca-deploy).
// Put this code below a package line, the file into app/src/main/assets, and into build.gradle.kts:
//     implementation("$gradle")
$head

$parts
""")

_CONSTANT = 10_000  # characters; each has six bytes at most in a class file, and a constant 65,535


@dataclass(frozen=True, slots=True)
class Body:
    """What is the runtime's own: its Maven artifact, its imports, and the class that calls ``preprocess``."""

    gradle: str
    imports: tuple[str, ...]
    code: str


def kotlin(manifest: Manifest, body: Body) -> str:
    """A file for an Android app that feeds one photo.

    Raises:
        ArtifactError: mean, std or a scale is not finite.
    """
    spec, preprocessing = manifest.inputs[0], manifest.preprocessing
    parts = (
        f"{constants(preprocessing, spec)}\n{labels(manifest)}",
        preprocess(preprocessing, spec),
        *helpers([preprocessing]),
        body.code,
        *answers(manifest, {manifest.signature.outputs[0].name: "outputs"}),
    )
    names = (*imports(preprocessing, spec), *body.imports)
    return source(manifest, task_of(manifest).headline, body.gradle, names, parts)


def answers(manifest: Manifest, values: Mapping[str, str]) -> tuple[str, ...]:
    """Declarations that read the answers of the task from what ``run(photo)`` gives; none where an app has to.

    ``values`` are those of :class:`~ca_deploy.tasks.Ran`.
    """
    photo = manifest.signature.photo
    code = task_of(manifest).kotlin(manifest.signature, Ran("run(photo)", values))
    return (code, placement(photo)) if code and photo is not None else ()


def source(manifest: Manifest, headline: str, gradle: str, imports: Iterable[str], parts: Iterable[str]) -> str:
    """A file of ``parts`` with an empty line between them; ``headline`` is what it does."""
    return _FILE.substitute(
        headline=headline,
        file=quoting.kotlin(manifest.file),
        gradle=gradle,
        head="\n".join(f"import {name}" for name in sorted({"android.content.Context", *imports})),
        parts="\n\n".join(parts),
    )


def labels(manifest: Manifest) -> str:
    """The declaration of the list ``LABELS``."""
    return f"val LABELS = {_labels(manifest.labels) if manifest.labels else 'emptyList<String>()'}"


def _labels(labels: Sequence[str]) -> str:
    """A list; a long one is cut out of one text, for 64 kB of code put no more than some 8,000 elements into a list.

    Source of the limits: https://docs.oracle.com/javase/specs/jvms/se17/html/jvms-4.html#jvms-4.11
    """
    if len(labels) <= 1000 and max(map(len, labels)) <= _CONSTANT:
        return f"listOf({', '.join(map(quoting.kotlin, labels))})"
    taken = set().union(*labels)
    separator = next(mark for mark in map(chr, range(ord("\n"), sys.maxunicode)) if mark not in taken)
    text = separator.join(labels)
    parts = [quoting.kotlin(text[start : start + _CONSTANT]) for start in range(0, len(text), _CONSTANT)]
    listed = "".join(f"\n    {part}," for part in parts)
    return f'listOf({listed}\n).joinToString("").split({quoting.kotlin(separator)})'
