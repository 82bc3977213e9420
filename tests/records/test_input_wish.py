"""``--input``: every form that is understood, and what is said of the others."""

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.records.input_wish import InputWish, input_wish


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("x=image", InputWish("x")),
        ("x=image:96x128", InputWish("x", size=(96, 128))),
        ("x=image:96", InputWish("x", size=96)),
        ("x=image:grey", InputWish("x", channels="grey")),
        ("x=image:96x128:grey", InputWish("x", size=(96, 128), channels="grey")),
        ("x=image:BGR:96x128", InputWish("x", size=(96, 128), channels="BGR")),
        ("state=10x16", InputWish("state", (10, 16))),
        ("state=10x16:int64", InputWish("state", (10, 16), "int64")),
        ("state=7", InputWish("state", (7,))),
        ("state=scalar", InputWish("state", ())),
        ("state=scalar:int32", InputWish("state", (), "int32")),
    ],
)
def test_what_is_understood(text: str, wish: InputWish) -> None:
    assert input_wish(text) == wish


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x", "does not say what an input is. Write NAME=image"),
        ("=image", "does not say what an input is"),
        ("a b=image", "does not say what an input is"),
        ("x=", r"'' is neither image nor a shape\. Write NAME=image"),
        ("x=photo", "'photo' is neither image nor a shape"),
        ("x=0x3", "'0x3' is neither image nor a shape"),
        ("x=-1x3", "neither image nor a shape"),
        ("x=3x", "neither image nor a shape"),
        ("x=1x1x1x1x1x1x1x1x1", "neither image nor a shape"),
        ("x=3:int64:float32", "neither image nor a shape"),
        ("x=3:double", r"'double' is no type\. One of: .*float32"),
        ("x=image:mauve", r"'mauve' is neither a size in pixels nor channels \(RGB"),
        ("x=image:1x2x3", "'1x2x3' is neither a size in pixels nor channels"),
    ],
)
def test_what_is_not_understood_is_answered_with_the_forms(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=f"^--input '{text}'.*{said}"):
        input_wish(text)


@pytest.mark.parametrize("other", [{"size": 32}, {"channels": "grey"}, {"shape": (3, 0)}])
def test_a_tensor_is_no_image_and_no_side_is_empty(other: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="--input x: "):
        InputWish(**{"name": "x", "shape": (3, 4), **other})  # type: ignore[arg-type]
