"""What an output means: as named, or as its shape suggests, or nobody knows."""

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.tasks import find_task, task_names, task_of


def test_every_task_is_found_by_its_file() -> None:
    assert task_names() == ["classification", "embedding", "tensors"]
    for name in task_names():
        task = find_task(name)
        assert task.name == name
        assert task.description
        assert any("run(preprocess(" in line for line in task.python)


def test_a_vector_is_taken_for_logits_and_anything_else_for_numbers() -> None:
    assert task_of(None, (1000,)).name == "classification"
    for shape in ((), (64, 64), (21, 64, 64)):
        assert task_of(None, shape).name == "tensors"


def test_what_is_named_holds_whatever_the_shape() -> None:
    assert task_of("tensors", (1000,)).name == "tensors"


def test_a_task_that_nobody_knows_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean 'classification'"):
        task_of("clasification", (5,))
