"""Damage in the terms of a kind of file, which reaches what its first parser lets pass; decided by a seed, too."""

import io
import json
import random
import struct
import warnings
import zipfile
import zlib
from functools import cache
from typing import Any

from tests.fuzz.good_files import BUNDLED, Files
from tests.fuzz.mutations import LINE_BREAK, damaged, value

_NAMES: tuple[Any, ...] = (
    "", ".", "..", "x-3.safetensors", "../x-1.safetensors", "/etc/hostname", "/dev/zero", "x.safetensors.index.json",
    "x-1.safetensors/", "x-1.safetensors\0", LINE_BREAK, "a" * 300, "\ud800", "folder", None, 1, [], {},
    ["x-1.safetensors"],
)  # fmt: skip


def shards(files: Files, chance: random.Random) -> None:
    """An index with wrong types and names, or shards that are missing, exchanged, of other contents, or overlap."""
    name = next(name for name in files if name.endswith(".json"))
    index = json.loads(files[name])
    weights = index["weight_map"]
    key, parts = chance.choice(list(weights)), [name for name in files if name.endswith(".safetensors")]
    match chance.randrange(9):
        case 0:
            weights[key] = chance.choice(_NAMES)
        case 1:
            index["weight_map"] = chance.choice(([], None, {}, "x", {key: weights[key]}, list(weights)))
        case 2:
            weights[chance.choice((LINE_BREAK, "", "unknown.weight", key + ".x"))] = weights.pop(key)
        case 3:
            index["metadata"] = chance.choice((None, [], {"total_size": -1}, {"total_size": "many"}, {"x": {"y": []}}))
        case 4:
            del files[chance.choice(parts)]
        case 5:
            files[parts[0]] = files[parts[1]]
        case 6:
            part = chance.choice(parts)
            files[part] = safetensors(files[part], chance)
        case 7:
            files[parts[0]] = chance.choice((b"", b"\0" * 8, files[name], files[parts[0]][:-1], b"\xff" * 9))
        case _:
            del index[chance.choice(list(index))]
    files[name] = json.dumps(index).encode()


def safetensors(content: bytes, chance: random.Random) -> bytes:
    """A header in its right form whose tensors have other names, types, shapes or places."""
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    key = chance.choice([key for key in header if key != "__metadata__"])
    match chance.randrange(6):
        case 0:
            header[chance.choice((LINE_BREAK, "", "x", "module." + key))] = header.pop(key)
        case 1:
            header[key]["dtype"] = chance.choice(("F16", "I8", "BOOL", "U64", "F8_E4M3", "C64", "F4", ""))
        case 2:
            header[key]["shape"] = chance.choice(
                ([], [0], [1, *header[key]["shape"]], header[key]["shape"][::-1], [2**62] * 2)
            )
        case 3:
            other = chance.choice([key for key in header if key != "__metadata__"])
            header[key], header[other] = header[other], header[key]
        case 4:
            start, end = header[key]["data_offsets"]
            header[key]["data_offsets"] = chance.choice(([start, start], [end, start], [0, end], [start, 2**62]))
        case _:
            header["__metadata__"] = {
                "ca_deploy": chance.choice(("", "[]", "{", '{"labels": 5}', '{"width": "x"}', LINE_BREAK))
            }
    written = json.dumps(header).encode()
    return len(written).to_bytes(8, "little") + written + content[8 + size :]


def checkpoint(files: Files, chance: random.Random) -> None:
    """What ``torch.save`` writes of weights with other names, types, forms and places, among other things."""
    import torch

    state: dict[Any, Any] = dict(torch.load(io.BytesIO(files["x.pth"]), weights_only=True))
    while "model" in state:
        state = dict(state["model"])
    key = chance.choice(list(state))
    tensor, content = state[key], state
    others: tuple[Any, ...] = (
        *(None, 5, "text", [tensor], {"a": tensor}, tensor.tolist(), float("nan"), 10**30, b"bytes", {tensor.shape}),
        *(tensor.half(), tensor.to(torch.complex64), tensor.to(torch.int8), tensor.bool(), tensor.to("meta")),
        *(tensor.to_sparse(), tensor[..., None], tensor.flatten()[:0], tensor.flatten().expand(3, -1)),
        *(tensor * float("nan"), torch.nn.Parameter(tensor.float()), tensor.to(torch.float8_e4m3fn)),
        torch.quantize_per_tensor(tensor.float(), 1, 0, torch.qint8),
    )  # fmt: skip
    match chance.randrange(6):
        case 0 | 1:
            state[key] = chance.choice(others)
        case 2:
            state[chance.choice((LINE_BREAK, "", "module." + key, 5, (1, 2), None, "\x1b[2J", "a" * 5000))] = state.pop(
                key
            )
        case 3:
            for name in chance.sample(list(state), chance.randrange(1, len(state) + 1)):
                del state[name]
        case 4:
            content = {
                chance.choice(("model", LINE_BREAK, 7)): state,
                "ema": dict(state),
                "more": chance.choice(others),
            }
        case _:
            state["itself"] = [state]
    written = io.BytesIO()
    torch.save(content, written)
    files["x.pth"] = written.getvalue()


def header(files: Files, chance: random.Random) -> None:
    """As :func:`safetensors`, of the only file."""
    (name,) = files
    files[name] = safetensors(files[name], chance)


def program(files: Files, chance: random.Random) -> None:
    """An archive as PyTorch writes it, with one of its members damaged."""
    (name,) = files
    with zipfile.ZipFile(io.BytesIO(files[name])) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    model = next(member for member in members if member.endswith("models/model.json"))
    member = model if chance.random() < 0.6 else chance.choice(list(members))
    if member == model:
        members[member] = value(members[member], chance, steps=16)
    else:
        members[member] = damaged(members[member], member if member.endswith(".json") else "data", chance)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for member, inside in members.items():
            archive.writestr(member, inside)
    files[name] = written.getvalue()


def bundle(files: Files, chance: random.Random) -> None:
    """An archive that is whole, with members that are not what the library is."""
    (name,) = files
    with zipfile.ZipFile(io.BytesIO(files[name])) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    wanted = chance.choice(list(members))
    info, content = zipfile.ZipInfo(wanted), members.pop(wanted)
    kind, twice = chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)), False
    match chance.randrange(8):
        case 0:
            content = bytes(chance.choice((0, 1, BUNDLED - 1, BUNDLED, BUNDLED + 1, 10**7)))
        case 1:
            content = content[:-1] + b"\xff"
        case 2:
            info.external_attr, content = 0o120777 << 16, chance.choice((b"/etc/hostname", b"../../x", content))
        case 3:
            info.filename = chance.choice(
                ("/" + wanted, "../../" + wanted, wanted + "/", wanted.upper(), LINE_BREAK, "")
            )
        case 4:
            twice = True
        case 5:
            info.extra = chance.randbytes(chance.choice((3, 4, 40)))
        case 6:
            info.comment = chance.randbytes(300)
        case _:
            pass  # as it is, compressed
    written = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(written, "w") as archive:
        warnings.simplefilter("ignore")  # about names that come twice
        archive.writestr(info, content, kind)
        if twice:
            archive.writestr(wanted, chance.choice((content, b"another", bytes(BUNDLED))))
        for other, inside in members.items():
            archive.writestr(other, inside)
    packed = bytearray(written.getvalue())
    directory = packed.find(b"PK\x01\x02")
    if chance.random() < 0.4:  # sizes, flags and the method in the directory lie
        place, width = chance.choice(((8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (42, 4)))
        lie = chance.choice((0, 1, 9, 99, BUNDLED - 1, 2**16 - 1, 2**32 - 1)) & (256**width - 1)
        packed[directory + place : directory + place + width] = lie.to_bytes(width, "little")
    files[name] = bytes(packed)


def arrays(files: Files, chance: random.Random) -> None:
    """Arrays of other types, shapes, orders and names, whose headers are whole and may lie."""
    (name,) = files
    content, whole = _array(chance), files[name]
    if name.endswith(".npy"):
        files[name] = content
        return
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    place = chance.randrange(len(members))
    key = members[place][0]
    names = (
        key,
        key,
        key,
        "",
        "../climbed.npy",
        LINE_BREAK + ".npy",
        "x.txt",
        key + ".npy",
        "file.npy",
        "__class__.npy",
    )
    members[place] = (chance.choice(names), content if chance.random() < 0.8 else members[place][1])
    if chance.random() < 0.2:
        members.append((key, content))
    written = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for key, inside in members:
            archive.writestr(key or "empty", inside)
    files[name] = written.getvalue()


def _array(chance: random.Random) -> bytes:
    """What ``numpy.save`` writes, of a header that may not fit what follows it."""
    types = (
        "'|u1'", "'<f4'", "'<f8'", "'>f4'", "'<i8'", "'|b1'", "'<c8'", "'<U5'", "'|S3'", "'<M8[s]'", "'|V4'", "'|O'",
        "'<U0'", "'<f2'", "[('a', '<f4')]", "[('a', '<f4', (2, 2))]", "'x'", "5", "None", "'<f4' * 9",
        "'|u1' if 1 else 0",
    )  # fmt: skip
    shapes = (
        "(3, 8, 8, 3)", "(3, 8, 8, 3)", "(3, 3, 8, 8)", "(3, 8, 8)", "(3,)", "()", "(0,)", "(0, 8, 8, 3)", "(-1, 8)",
        "(4611686018427387904, 4)", "(1000000000000,)", "(3, 8.0)", "'x'", "[3]", "(True, 3)",
    )  # fmt: skip
    shape = chance.choice(shapes)
    order = chance.choice(("False", "True", "0"))
    header = f"{{'descr': {chance.choice(types)}, 'fortran_order': {order}, 'shape': {shape}, }}"
    if chance.random() < 0.1:
        header = chance.choice(
            ("{" * 5000, header[:-9], "[]", "{'descr': 1}", header.replace("shape", "form"), "1" * 9000)
        )
    text = header.encode().ljust(118) + b"\n"
    fill = chance.choice((b"\0", b"\x01", b"\x7f\xc0", b"\xff"))
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(text)) + text + (fill * 4608)[: chance.choice((576, 2304, 4608))]


@cache
def _blank(size: int) -> bytes:
    return zlib.compress(bytes(size))


def pictures(files: Files, chance: random.Random) -> None:
    """A PNG with good check sums, whose chunks are of other sizes, kinds and orders."""
    files.clear()

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    sides = chance.choice(
        ((9, 12), (9, 12), (9, 12), (1, 1), (0, 5), (10**8, 1), (70_000, 70_000), (2**31 - 1, 2**31 - 1))
    )
    depth, kind = chance.choice(((8, 2), (16, 0), (8, 3), (1, 0), (16, 6), (8, 4), (4, 3), (7, 2), (8, 9)))
    rows = chance.randbytes(1) * chance.choice((0, 40, 400, 1200))
    chunks = [chunk(b"IHDR", struct.pack(">IIBBBBB", *sides, depth, kind, 0, 0, chance.choice((0, 0, 1, 9))))]
    more = {
        b"PLTE": bytes(chance.choice((3, 6, 768, 4))),
        b"tRNS": chance.randbytes(chance.choice((1, 2, 6, 300))),
        b"iCCP": b"x\0\0" + _blank(chance.choice((10, 10**7))),
        b"eXIf": b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01"
        + chance.choice((b"\0\x06\0\0", b"\0\x63\0\0", b"\xff" * 4)),
        b"zTXt": b"x\0\0" + _blank(chance.choice((10, 3 * 10**8))),
        b"gAMA": chance.randbytes(4),
        b"acTL": struct.pack(">II", chance.choice((1, 2**31)), 0),
        b"fcTL": chance.randbytes(26),
        b"sBIT": chance.randbytes(chance.choice((1, 3, 9))),
    }
    chunks += [chunk(*item) for item in more.items() if chance.random() < 0.3]
    chunks += [chunk(b"IDAT", zlib.compress(rows))] * chance.choice((1, 1, 2)) + [chunk(b"IEND", b"")]
    if chance.random() < 0.2:
        chance.shuffle(chunks)
    files["x.png"] = b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
