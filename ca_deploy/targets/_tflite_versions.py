"""The first TFLite runtime that supports each operator in the version that a file uses."""

import functools
import tomllib
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from ca_deploy.errors import UsageError
from ca_deploy.graphs import Graph, Node
from ca_deploy.native.libraries import LIBRARIES
from ca_deploy.records.compat import Evidence, Finding, Verdict

_TABLE = Path(__file__).with_name("tflite_versions.toml")


INSTALLED = version("ai-edge-litert")
_LAST_LITERT_1 = (1, 4)  # TFLite's own versions begin at 1.5


def runtime_for(level: str) -> tuple[str, str]:
    """The version of LiteRT to ask, and the oldest TFLite that must run the model, "" for none.

    ``1.4`` and ``litert-2.3`` are versions of LiteRT; ``2.14`` is one of TFLite, whose operator versions are looked up
    while the installed LiteRT is asked.

    Raises:
        UsageError: it is no version, or one of a LiteRT that is not here.
    """
    if not level:
        return INSTALLED, ""
    named = level.removeprefix("litert-")
    numbers = _numbers(named)
    if named == level and numbers[:2] > _LAST_LITERT_1:
        return INSTALLED, level
    here = (INSTALLED, LIBRARIES["litert"].version)
    for known in here:
        if _numbers(known)[: len(numbers)] == numbers:
            return known, ""
    raise UsageError(
        f"LiteRT {named} is not here: {here[0]} is installed, and profile sends {here[1]} to devices. Ask for one of "
        f"these (xnnpack:litert-{here[0]}), or for a version of TFLite (xnnpack:2.14)."
    )


@functools.cache
def _table() -> tuple[str, dict[str, list[str]]]:
    content = tomllib.loads(_TABLE.read_text(encoding="utf-8"))
    return f"{content['source']} ({content['version']})", content["operators"]


def first_runtime(node: Node) -> str | None:
    """``"2.3.0"``, or None where the table lacks that version of the operator."""
    versions = _table()[1].get(node.operator, [])
    return (versions[node.version - 1] or None) if 1 <= node.version <= len(versions) else None


def version_findings(graph: Graph, findings: tuple[Finding, ...], oldest: str) -> tuple[tuple[Finding, ...], list[str]]:
    """The findings, overridden where an older runtime lacks the operator's version; and notes on the whole model.

    ``oldest`` is the oldest TFLite version that must run the model (``"2.14"``), or "" for no such limit.

    Raises:
        UsageError: ``oldest`` is not a version.
    """
    first = {node.index: first_runtime(node) for node in graph.nodes}
    needed = max((v for v in first.values() if v), key=_numbers, default="")
    if not oldest:
        return findings, [f"The operators need TFLite {needed} or newer."] if needed else []
    wanted, source = _numbers(oldest), _table()[0]
    found = []
    for finding in findings:
        node, since = graph.nodes[finding.index], first[finding.index]
        if since and _numbers(since) > wanted:
            reason = f"version {node.version} of {node.operator} came with TFLite {since}, after {oldest}"
            remedy = "Ship a newer runtime with the app, or export with an older converter."
            finding = replace(
                finding,
                verdict=Verdict.UNSUPPORTED,
                evidence=Evidence.RULE,
                source=source,
                reason=reason,
                remedy=remedy,
            )
        elif since is None and not node.custom:
            reason = f"the first runtime with version {node.version} of {node.operator} is not known"
            finding = replace(finding, verdict=Verdict.UNKNOWN, evidence=Evidence.RULE, source=source, reason=reason)
        found.append(finding)
    return tuple(found), [f"The operators need TFLite {needed} or newer; {oldest} was requested."] if needed else []


def _numbers(version: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in version.split("."))
    except ValueError:
        raise UsageError(
            f"{version!r} is not a version of TFLite, as in xnnpack:2.14, or of LiteRT, as in xnnpack:1.4."
        ) from None
