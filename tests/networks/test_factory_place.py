"""Factories that cannot be there are refused by reading files; what may be there passes, and nothing runs."""

from pathlib import Path

import pytest

from ca_deploy.errors import ModelError
from ca_deploy.networks.factory import check_place

FILES = {
    "pack/__init__.py": "raise SystemExit('this ran')\n",
    "pack/plain.py": "raise SystemExit('this ran')\nif True:\n    import os as system\ndef build(): ...\nA = B = 1\n",
    "pack/star.py": "from pack.plain import *\n",
    "pack/lazy.py": "def __getattr__(name): ...\n",
    "pack/written.py": "globals()['build'] = 1\n",
    "pack/broken.py": "def (\n",
    "space/inner/plain.py": "class Net: ...\n",
    "moves/__init__.py": "import sys\nsys.modules['moves.later'] = sys\n",
}


@pytest.fixture(autouse=True)
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        *("pack.plain:build", "pack.plain:A", "pack.plain:B.inner", "pack.plain:system", "pack:plain"),
        *("pack.star:build", "pack.lazy:build", "pack.written:build", "pack.broken:build"),
        *("space.inner.plain:Net", "space.inner.plain:maybe", "moves.later:exit", "os.path:join", "sys:exit"),
    ],
)
def test_what_may_be_there_passes(name: str) -> None:
    check_place(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("gone:build", "No module named 'gone'"),
        ("pack.gone:build", "No module named 'pack.gone'"),
        ("pack.plain.inner:build", "No module named 'pack.plain.inner'"),
        ("pack.plain:bulid", "Module 'pack.plain' has no 'bulid'"),
        ("pack.plain:", "Module 'pack.plain' has no ''"),
        ("pack:gone", "Module 'pack' has no 'gone'"),
    ],
)
def test_what_is_not_there_is_refused(name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        check_place(name)
