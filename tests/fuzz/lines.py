"""Damage to lines of text in the terms of their kind: TOML, and what devices say; decided by a seed, too."""

import random

from tests.fuzz.good_files import Files
from tests.fuzz.mutations import LINE_BREAK


def toml(files: Files, chance: random.Random) -> None:
    """A line of valid TOML with another value, twice, missing, or under another name."""
    name = next(name for name in files if name.endswith(".toml"))
    lines = files[name].decode().splitlines()
    place = chance.choice([number for number, line in enumerate(lines) if " = " in line])
    key, _, value = lines[place].partition(" = ")
    values = (
        '""', '"x"', "0", "-1", "1.5", "9223372036854775807", "nan", "inf", "true", "[]", "[1, 2]", '["a", "a"]', "{}",
        "{ a = { b = 1 } }", "1979-05-27", "07:32:00", '"\\u001b[2J\\nx"', "[[[[]]]]", '"/dev/zero"', '"../../etc"',
        "1e400", '"' + "a" * 3000 + '"', "[" * 60 + "]" * 60, "100000000000", '"random"', '"folder"', '"arrays"',
        '"scikit-image"',
    )  # fmt: skip
    keys = (key, key + "s", '""', '"\\u001b[2J\\nx"', "seed", "file", "a.b")
    match chance.randrange(5):
        case 0:
            del lines[place]
        case 1:
            lines[place] = f"{chance.choice(keys)} = {value}"
        case 2:
            lines.insert(place, f"[{chance.choice(keys)}]")
        case _:
            lines[place] = f"{key} = {chance.choice(values)}"
    files[name] = "\n".join(lines).encode()


def of_a_device(files: Files, chance: random.Random) -> None:
    """Lines of what a device says with other numbers and words, many times, or with no end."""
    name = chance.choice(list(files))
    lines = files[name].decode().splitlines()
    for _ in range(chance.choice((1, 2, 5))):
        place = chance.randrange(len(lines))
        key, _, value = lines[place].partition("=")
        values = (
            "", "0", "-1", "9" * 5000, "0x" + "f" * 40, "1e999", "nan", LINE_BREAK, "\x1b]0;x\x07", "٣", "x" * 10**6,
            value * 3000,             "processor : " + "9" * 30, "processor : -1", "level: 1e9", "level: " + "9" * 99,
            "3 " + "9" * 400, "[/red]", "\0",
        )  # fmt: skip
        lines[place] = f"{key}={chance.choice(values)}"
        if chance.random() < 0.2:
            lines += [lines[place][:1000]] * chance.choice((2, 50_000))
    files[name] = "\n".join(lines).encode(errors="replace")
