"""Kotlin code that feeds an exported file in an Android app, written from its manifest."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from string import Template

from ca_deploy.formats import _quoting as quoting
from ca_deploy.formats._kotlin_preprocess import constants, imports, preprocess
from ca_deploy.records.manifest import Manifest
from ca_deploy.tasks import task_of

_FILE = Template("""// $headline with $file (written by ca-deploy).
// Put the file into app/src/main/assets, and into build.gradle.kts:
//     implementation("$gradle")
$head

$constants
val LABELS = $labels

$preprocess

$body
""")

_CONSTANT = 10_000  # characters; each has six bytes at most in a class file, and a constant 65,535


@dataclass(frozen=True, slots=True)
class Body:
    """What is the runtime's own: its Maven artifact, its imports, and the class that calls ``preprocess``."""

    gradle: str
    imports: tuple[str, ...]
    code: str


def kotlin(manifest: Manifest, body: Body) -> str:
    """A file for an Android app.

    Raises:
        ArtifactError: mean, std or a scale is not finite.
    """
    spec, preprocessing = manifest.inputs[0], manifest.preprocessing
    names = {"android.content.Context", *imports(preprocessing, spec), *body.imports}
    return _FILE.substitute(
        headline=task_of(manifest.task, manifest.outputs[0].shape[1:]).headline,
        file=quoting.kotlin(manifest.file),
        gradle=body.gradle,
        head="\n".join(f"import {name}" for name in sorted(names)),
        constants=constants(preprocessing, spec),
        labels=_labels(manifest.labels) if manifest.labels else "emptyList<String>()",
        preprocess=preprocess(preprocessing, spec),
        body=body.code,
    )


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
