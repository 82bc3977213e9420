"""Samples of several inputs stay together, whatever is chosen of them."""

import numpy as np

from ca_deploy.records.samples import Samples

SAMPLES = Samples({"x": np.arange(10).reshape(5, 2), "y": np.arange(5)}, tuple("abcde"))


def test_rows_are_chosen_in_all_inputs() -> None:
    chosen = SAMPLES.rows([3, 0])
    assert (chosen.arrays["x"].tolist(), chosen.arrays["y"].tolist()) == ([[6, 7], [0, 1]], [3, 0])
    assert (chosen.sha256, len(chosen)) == (("d", "a"), 2)


def test_the_first_are_at_most_all() -> None:
    assert SAMPLES.first(2).sha256 == ("a", "b")
    assert SAMPLES.first(9).sha256 == SAMPLES.sha256


def test_what_was_seen_is_left_out() -> None:
    assert SAMPLES.without(("b", "z", "d")).arrays["y"].tolist() == [0, 2, 4]
    assert len(SAMPLES.without(SAMPLES.sha256)) == 0


def test_a_batch_that_is_not_full_repeats_its_last() -> None:
    assert [rows["y"].tolist() for rows in SAMPLES.batches(2)] == [[0, 1], [2, 3], [4, 4]]
    assert [rows["x"].shape for rows in SAMPLES.batches()] == [(1, 2)] * 5
    assert [rows["y"].tolist() for rows in SAMPLES.batches(7)] == [[0, 1, 2, 3, 4, 4, 4]]
    assert list(SAMPLES.rows([]).batches(3)) == []
