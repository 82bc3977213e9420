"""What the last operation makes of the values is seen through views, and not where something follows."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from ca_deploy.networks.last_operation import LastOperations
from ca_deploy.records.signature import Activation


@pytest.mark.parametrize(
    ("function", "activation"),
    [
        (lambda x: x * 2, "none"),
        (lambda x: x.sigmoid(), "sigmoid"),
        (functional.hardsigmoid, "sigmoid"),
        (lambda x: x.softmax(1), "softmax"),
        (lambda x: functional.softmax(x, -1), "softmax"),
        (lambda x: x.sigmoid().view(2, 2, 2).flatten(1), "sigmoid"),
        (lambda x: x.sigmoid()[:, :2], "sigmoid"),
        (lambda x: x.view(2, 4, 1, 1).softmax(1).squeeze(-1).squeeze(-1), "softmax"),
        (lambda x: x.sigmoid() * x, "none"),
        (lambda x: x.sigmoid().log(), "none"),
        (functional.normalize, "normalize"),
        (lambda x: functional.normalize(x)[:, :1], "none"),
        (lambda x: functional.normalize(x, dim=0), "none"),
        (lambda x: (x > 0).long(), "none"),
    ],
)
def test_it_is_seen(function: Callable[[Tensor], Tensor], activation: Activation) -> None:
    x = torch.randn(2, 4, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), LastOperations() as operations:
        found = function(x)
    assert operations.activation_of(found) == activation


def test_each_of_several_outputs_has_its_own() -> None:
    linear = nn.Linear(3, 4)
    with torch.inference_mode(), LastOperations() as operations:
        values = linear(torch.ones(1, 3))
        shares, chances = values.softmax(1), values.sigmoid()
    found = [operations.activation_of(value) for value in (values, shares, chances)]
    assert found == ["none", "softmax", "sigmoid"]


def test_what_is_changed_in_place_afterwards_is_no_probability() -> None:
    operations = LastOperations()
    x = torch.linspace(-2, 2, 6).reshape(2, 3)
    with torch.inference_mode(), operations:
        whole, part, kept = x.sigmoid(), x.sigmoid(), x.sigmoid()
        whole *= 100
        part[:, :2] *= 8
    assert [operations.activation_of(value) for value in (whole, part, kept)] == ["none", "none", "sigmoid"]
