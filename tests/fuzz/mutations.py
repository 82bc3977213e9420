"""Damage: to bytes, to values in JSON and TOML, and to members of archives, all of it decided by a seed."""

import io
import json
import random
import re
import zipfile
from collections.abc import Callable
from typing import Any

BROKEN = "a broken line"
LINE_BREAK = f"x\n{BROKEN}\x1b[2J"  # in a name: no message may break at it
_NUMBERS = (0, 1, 127, 128, 255, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**64 - 1, 10**9)
_TEXTS = (
    "[" * 100_000, '{"a":' * 50_000, "9" * 100_000, "NaN", "-Infinity", "1e999", "null", "true", "-1", "0", "{}", "[]",
    '""', '"\\u001b[2J\\u0007"', '"\\ud800"', '"/dev/zero"', '"../../../../etc/hostname"', '"' + "a" * 5000 + '"',
    "\x00", "\u202e", "1979-05-27", '[["a"]]', "0.1", "1" * 400, '"[/]"',
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 3.5, 10**30, 2**63, float("nan"), float("inf"), "", "x", "\x1b[2J\x07", LINE_BREAK,
    "\ud800", [], {}, [[]], [None], {"a": {"b": []}}, "/dev/zero", "../../../etc/hostname", "a" * 5000, ["x"] * 1000,
    [-1], [1e308],
)  # fmt: skip


def damaged(content: bytes, name: str, chance: random.Random) -> bytes:
    """The content of a file called ``name`` with one to four damages."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        content = chance.choice(_ways(content, name))(content, chance)
    return content


def _ways(content: bytes, name: str) -> list[Callable[[bytes, random.Random], bytes]]:
    ways: list[Callable[[bytes, random.Random], bytes]] = [
        _bits,
        _bits,
        _numbers,
        _numbers,
        _cut,
        _removed,
        _doubled,
        _inserted,
        _blanked,
    ]
    if name.endswith((".json", ".toml", ".txt", ".probe", ".list")):
        ways += [_text] * 6
    if name.endswith(".json"):
        ways += [value] * 12
    if name.endswith((".onnx", ".mlmodel")):
        ways += [_message] * 20
    if name.endswith(".tflite"):
        ways += [_flatbuffer] * 20
    if content.startswith(b"PK"):
        ways += [_member] * 16
    if name.endswith(".safetensors"):
        ways += [_header] * 9
    return ways


def _place(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(content) + 1)
    return start, min(len(content), start + chance.choice((1, 2, 4, 8, 32, 200)))


def _bits(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 2, 8, 30))):
        if changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _numbers(content: bytes, chance: random.Random) -> bytes:
    size = chance.choice((1, 2, 4, 8))
    start = chance.randrange(len(content) + 1)
    number = (chance.choice(_NUMBERS) & (256**size - 1)).to_bytes(size, "little")
    return bytes(content[:start] + number + content[start + size :])


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _removed(content: bytes, chance: random.Random) -> bytes:
    start, end = _place(content, chance)
    return content[:start] + content[end:]


def _doubled(content: bytes, chance: random.Random) -> bytes:
    start, end = _place(content, chance)
    return content[:end] + content[start:end] * chance.choice((1, 2, 50)) + content[end:]


def _inserted(content: bytes, chance: random.Random) -> bytes:
    start, _ = _place(content, chance)
    return content[:start] + chance.randbytes(chance.choice((1, 4, 64))) + content[start:]


def _blanked(content: bytes, chance: random.Random) -> bytes:
    start, end = _place(content, chance)
    return content[:start] + chance.choice((b"\0", b"\xff")) * (end - start) + content[end:]


def _text(content: bytes, chance: random.Random) -> bytes:
    """One value of the text, or any place in it, replaced."""
    places = [match.span(1) for match in re.finditer(rb"[:=\[,]\s*([^\s,:=\[\]{}]+)", content)]
    start, end = chance.choice(places) if places and chance.random() < 0.8 else _place(content, chance)
    return content[:start] + chance.choice(_TEXTS).encode() + content[end:]


def value(content: bytes, chance: random.Random, steps: int = 6) -> bytes:
    """One value of a JSON document replaced, removed or renamed, at most so many steps into it."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return content
    inner = document
    for _ in range(chance.randrange(1, steps + 1)):
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner))) if isinstance(inner, list) else []
        if not keys:
            break
        key = chance.choice(keys)
        if isinstance(inner[key], dict | list) and inner[key] and chance.random() < 0.8:
            inner = inner[key]
            continue
        what = chance.random()
        if what < 0.7:
            inner[key] = chance.choice(_VALUES)
        elif what < 0.85:
            del inner[key]
        elif isinstance(inner, dict):
            inner[chance.choice(("unknown", "", "\x1b[1m", LINE_BREAK, "schema_version", str(key) + "s"))] = inner.pop(
                key
            )
        break
    return json.dumps(document).encode()


def _member(content: bytes, chance: random.Random) -> bytes:
    """An archive written anew with one of its members damaged, missing, twice, or under another name."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:
        return content
    if not members:
        return content
    place = chance.randrange(len(members))
    name, inside = members[place]
    what = chance.random()
    if what < 0.7:
        members[place] = (name, damaged(inside, name if name.endswith(".json") else "data", chance))
    elif what < 0.8:
        del members[place]
    elif what < 0.9:
        members[place] = (chance.choice(("../climbed", "/absolute", name + "\x1b[1m", name.upper())), inside)
    else:
        members[place] = (name, bytes(chance.choice((0, 1, 10_000_000))))
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
        for name, inside in members:
            archive.writestr(name, inside)
    return written.getvalue()


def _header(content: bytes, chance: random.Random) -> bytes:
    """A header of safetensors that lies, at its right length."""
    size = int.from_bytes(content[:8], "little")
    header = (value if chance.random() < 0.7 else _text)(content[8 : 8 + size], chance)
    return len(header).to_bytes(8, "little") + header + content[8 + size :]


def _message(content: bytes, chance: random.Random) -> bytes:
    """A protobuf with one of its fields changed, doubled or removed, or with its order changed."""
    import onnx

    from ca_deploy.mil.schema import Model

    model = Model() if b"CoreML" in content else onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except Exception:
        return content
    message = model
    while True:
        fields = message.ListFields()
        if not fields:
            break
        field, value = chance.choice(fields)
        several = not isinstance(value, str | bytes | int | float) and hasattr(value, "__len__")
        inner = chance.choice(value) if several and len(value) else value
        if hasattr(inner, "ListFields") and chance.random() < 0.9:
            message = inner
        elif several:
            _reorder(value, inner, chance)
            break
        else:
            _set(message, field.name, value, chance)
            break
    return bytes(model.SerializeToString())


def _reorder(values: Any, one: Any, chance: random.Random) -> None:
    items = list(values)
    what = chance.choice(("double", "remove", "reverse", "other"))
    if what == "remove":
        items.remove(one)
    elif what == "double":
        items.append(one)
    elif what == "reverse":
        items.reverse()
    elif isinstance(one, int | float):
        items[items.index(one)] = chance.choice((-1, 0, 1, 2**31 - 1, 1000))
    elif isinstance(one, str):
        items[items.index(one)] = chance.choice(("", "x", "\x1b[2J", LINE_BREAK, chance.choice(items)))
    items = [type(item).FromString(item.SerializeToString()) if hasattr(item, "ListFields") else item for item in items]
    del values[:]
    values.extend(items)


def _set(message: Any, name: str, value: Any, chance: random.Random) -> None:
    choices: dict[type, tuple[Any, ...]] = {
        bool: (True, False),
        int: (-1, 0, 1, 2, 7, 8, 16, 1000, 2**31 - 1, 2**62),
        float: (0.0, -1.0, float("nan"), float("inf"), 1e38),
        str: ("", "x", "image", "\x1b[2J\x07", "[/red]", "a" * 3000, LINE_BREAK),
        bytes: (
            b"",
            b"\xff\xfe",
            b"a" * 3000,
            LINE_BREAK.encode(),
            value[: len(value) // 2] if isinstance(value, bytes) else b"",
        ),
    }
    try:
        setattr(message, name, chance.choice(choices[type(value)]))
    except (ValueError, TypeError, KeyError):  # out of the field's range
        message.ClearField(name)


def _flatbuffer(content: bytes, chance: random.Random) -> bytes:
    """A TFLite model with one value of its tables changed, or one entry of its vectors doubled or removed."""
    import numpy as np

    from ca_deploy.graphs import flatbuffer

    try:
        model = flatbuffer.read(content)
        table: Any = model
        for _ in range(12):
            fields = [name for name, value in vars(table).items() if value is not None]
            if not fields:
                break
            name = chance.choice(fields)
            value = getattr(table, name)
            if hasattr(value, "__dict__"):
                table = value
            elif isinstance(value, list) and value and hasattr(value[0], "__dict__") and chance.random() < 0.9:
                table = chance.choice(value)
            elif isinstance(value, list | np.ndarray) and len(value):
                items = list(value)
                place = chance.randrange(len(items))
                if chance.random() < 0.3:
                    del items[place]
                elif chance.random() < 0.3 or not isinstance(items[place], int | float | np.number):
                    items.append(items[place])
                else:
                    items[place] = chance.choice((-1, 0, 1, 3, 100, 2**31 - 1))
                setattr(table, name, np.array(items, value.dtype) if isinstance(value, np.ndarray) else items)
                break
            else:
                number = chance.choice((0, 1, 2, 3, 9, 100, -1, 2**31 - 1))
                setattr(
                    table,
                    name,
                    chance.choice((b"", b"\xff\xfe", b"x", LINE_BREAK.encode()))
                    if isinstance(value, bytes)
                    else number,
                )
                break
        return flatbuffer.write(model)
    except Exception:  # it cannot be written
        return content
