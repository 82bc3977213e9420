"""What an output means: as named, or as its shape and its last operation suggest, or nobody knows."""

import pytest

from ca_deploy.errors import UsageError
from ca_deploy.records.signature import Activation, NetworkOutput, Signature
from ca_deploy.tasks import find_task, meaning_of, task_names


def signature(*shape: int, activation: Activation = "none", count: int = 1) -> Signature:
    """Of ``count`` equal outputs; what the network takes does not matter."""
    return Signature(
        (), tuple(NetworkOutput(f"out_{number}", (1, *shape), "float32", activation) for number in range(count))
    )


def test_every_task_is_found_by_its_file() -> None:
    assert task_names() == ["classification", "detection", "embedding", "regression", "segmentation", "tensors"]
    shapes = {"segmentation": (3, 4, 6), "detection": (6, 20)}
    for name in task_names():
        task = find_task(name)
        assert task.name == name
        assert task.description
        for variant in (task, *task.variants.values()):
            fitting = signature(*shapes.get(name, (10,)))
            assert any("run(preprocess(" in line for line in variant.python(fitting))
            assert variant.output(fitting)


def test_a_vector_is_taken_for_logits_and_anything_else_for_numbers() -> None:
    found = meaning_of(None, signature(1000))
    assert (found.task.name, found.task.output_name) == ("classification", "logits")
    assert found.reason == "(1, 1000) is read as one number per class"
    for shape in ((), (64, 64), (21, 64, 64)):
        found = meaning_of(None, signature(*shape))
        assert found.task.name == "tensors"
        assert found.reason == f"nothing says what out_0 {(1, *shape)} means"
    assert meaning_of(None, signature(5, count=2)).task.name == "tensors"


def test_one_number_is_a_quantity() -> None:
    found = meaning_of(None, signature(1))
    assert (found.task.name, found.reason) == (
        "regression",
        "it gives one number, read as a quantity; a yes or no is classification:sigmoid",
    )
    assert meaning_of("regression", signature(3)).task.name == "regression"
    assert meaning_of(None, signature(1, activation="sigmoid")).task.name == "classification:sigmoid"
    with pytest.raises(UsageError, match=r"a regressor gives one output of floats \(N, quantities\)"):
        meaning_of("regression", signature(2, 4, 4))


def test_labels_tell_what_the_values_are() -> None:
    found = meaning_of(None, signature(3), ("a", "b", "c"))
    assert (found.task.name, found.reason) == ("classification", "it gives one number for each of the 3 labels")
    found = meaning_of(None, signature(1), ("no", "yes"))
    assert (found.task.name, found.reason) == (
        "classification:sigmoid",
        "it gives one number, and there are two labels",
    )


def test_the_last_operation_tells_what_the_values_are() -> None:
    for activation, task, reason in (
        ("softmax", "classification", "it ends in softmax over 4 values"),
        ("sigmoid", "classification:sigmoid", "it ends in sigmoid over 4 values"),
        ("normalize", "embedding", "its output has the length 1"),
    ):
        found = meaning_of(None, signature(4, activation=activation))  # type: ignore[arg-type]
        assert (found.task.name, found.reason) == (task, reason)


def test_what_is_named_holds_whatever_else_is_likely() -> None:
    for name in ("tensors", "embedding", "classification", "classification:sigmoid"):
        found = meaning_of(name, signature(1000))
        assert (found.task.name, found.reason) == (name, "")
    assert meaning_of("classification", signature(1)).task.name == "classification:sigmoid"


def test_a_task_that_cannot_be_is_refused_and_the_possible_ones_are_listed() -> None:
    said = (
        r"--task classification does not fit: a classifier gives one output of floats \(N, classes\), and the network "
        r"gives float32 \(1, 2, 4, 4\)\. Possible here: segmentation, tensors\."
    )
    with pytest.raises(UsageError, match=said):
        meaning_of("classification", signature(2, 4, 4))
    with pytest.raises(UsageError, match=r"an embedding is one output \(N, values\).*\(1, 5\), \(1, 5\)"):
        meaning_of("embedding", signature(5, count=2))
    with pytest.raises(UsageError, match=r"--task classification:sigmoid does not fit"):
        meaning_of("classification:sigmoid", signature(2, 4, 4))


def test_a_task_that_nobody_knows_gets_a_suggestion() -> None:
    with pytest.raises(UsageError, match="Did you mean 'classification'"):
        meaning_of("clasification", signature(5))
    with pytest.raises(UsageError, match=r"variant of task classification.*Did you mean 'sigmoid'"):
        find_task("classification:sigmiod")
    with pytest.raises(UsageError, match="variant of task tensors"):
        find_task("tensors:sigmoid")
