"""Why a runtime rejects a node and what to write instead, as data with its source: a measurement shows neither."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from ca_deploy.errors import CaDeployError
from ca_deploy.targets._remedies import Remedy, read_remedy


@dataclass(frozen=True, slots=True)
class Advice:
    """Applies to ``operators`` on tensors of ``types``; empty ``types`` means any."""

    operators: tuple[str, ...]
    types: tuple[str, ...]
    reason: str
    remedy: Remedy
    source: str


def load_advice(target: str) -> tuple[Advice, ...]:
    """All entries of ``targets/<target>.toml``.

    Raises:
        CaDeployError: an entry has a missing key, an unknown key, or a value of the wrong type.
    """
    path = Path(__file__).with_name(f"{target}.toml")
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    return tuple(_read(entry, path.name) for entry in content["advice"])


def advice_for(advice: tuple[Advice, ...], operator: str, kind: str) -> Advice | None:
    """The first entry for the operator on tensors of type ``kind``, or None."""
    return next((a for a in advice if operator in a.operators and (not a.types or kind in a.types)), None)


def _read(entry: dict[str, object], where: str) -> Advice:
    texts = {key: entry.pop(key, "") for key in ("reason", "source")}
    lists = {key: entry.pop(key, []) for key in ("operators", "types")}
    wrong = [key for key, text in texts.items() if not isinstance(text, str) or not text]
    wrong += [key for key, names in lists.items() if not isinstance(names, list)]
    try:
        remedy = read_remedy(entry.pop("remedy", {}))
    except ValueError as error:
        raise CaDeployError(f"{where}: an [[advice]] is malformed: {error}.") from None
    if entry or wrong or not lists["operators"]:
        raise CaDeployError(f"{where}: an [[advice]] needs operators, reason, remedy and source; see {entry or wrong}.")
    return Advice(
        operators=tuple(str(n) for n in lists["operators"]),  # type: ignore[attr-defined]
        types=tuple(str(n) for n in lists["types"]),  # type: ignore[attr-defined]
        remedy=remedy,
        **{key: str(text) for key, text in texts.items()},
    )
