"""Files that we make have names that mean nothing to a shell, and that every file system accepts."""

import re

import pytest

from ca_deploy import ModelSource
from ca_deploy.files import file_stem
from ca_deploy.recipes import recipe_names
from ca_deploy.records.model import registered_models


@pytest.mark.parametrize(
    "name", [*recipe_names(), *registered_models(), "net-1.5_b", "Gänseblümchen", "雏菊2", "x" * 100]
)
def test_ordinary_names_stay_as_they_are(name: str) -> None:
    assert file_stem(name) == name


@pytest.mark.parametrize(
    ("model", "stem"),
    [
        ("some folder/my net(1).pt2", "my_net_1_"),
        ('x";evil.pt2', "x__evil"),
        ("-rf.pt2", "_rf"),
        ("..hidden.pt2", "_.hidden"),
        (".pt2", "_pt2"),
        ("a\nb\0c\u202ed\udc80\u0301.pt2", "a_b_c_d__"),
        ("nets:small.build", "small_build"),
        ("nets:$(evil)/../x", "__evil_____x"),
        ("nets:", "_"),
        ("mobilenet_v2_ca", "mobilenet_v2_ca"),
    ],
)
def test_what_is_not_a_letter_digit_dot_or_dash_becomes_an_underscore(model: str, stem: str) -> None:
    assert ModelSource(model).stem == stem


def test_long_names_are_cut_and_stay_apart() -> None:
    first, second, same = (file_stem("ü" * 300 + end) for end in "121")
    assert first == same != second
    for stem in (first, second):
        assert re.fullmatch(r"ü{45}_[0-9a-f]{8}", stem)
        assert len(f".replaced-{stem}.{stem}.float32.mlpackage".encode()) <= 255
