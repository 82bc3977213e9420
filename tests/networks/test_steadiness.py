"""A network that depends on chance, on the batch or on its last run is refused, with the modules that do it."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ca_deploy import ModelSource
from ca_deploy.errors import ModelError
from ca_deploy.networks.source import load, source_of_object

SMALL = ModelSource(input_size=16)


def body() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(), nn.Dropout(0.5))


class AlwaysDrops(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = body()

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(self.body(x).mean((2, 3)), 0.2)


class DrawsNoise(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.noisy = nn.Sequential(_Noise())

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.noisy(x)
        return y


class _Noise(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


class StaysInTraining(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def train(self, mode: bool = True) -> "StaysInTraining":
        return super().train(True)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.norm(x)
        return y


class Remembers(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        seen = self.get_buffer("seen")
        seen += 1
        return x + seen


class Steady(nn.Module):
    """Instance norm computes from its input alone, and dropout is off."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(body(), nn.InstanceNorm2d(4), nn.BatchNorm2d(4, track_running_stats=False))

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return y


def refusal(module: nn.Module) -> str:
    with pytest.raises(ModelError) as caught:
        load(source_of_object(module, SMALL), module)
    return str(caught.value)


def test_dropout_that_is_always_on_is_found() -> None:
    found = refusal(AlwaysDrops())
    assert "dropout or other random numbers in its forward" in found
    assert "training=self.training" in found


def test_random_numbers_are_found_in_their_module() -> None:
    assert "random numbers in 'noisy.0'" in refusal(DrawsNoise())


def test_a_batch_norm_that_stays_in_training_mode_is_found_and_keeps_its_statistics() -> None:
    module = StaysInTraining()
    before = {key: value.clone() for key, value in module.state_dict().items()}
    assert "batch normalisation in training mode in 'norm'" in refusal(module)
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())


def test_what_is_kept_from_run_to_run_is_found() -> None:
    assert "another answer when it is run again on the same input" in refusal(Remembers())


class ComparesWithTheLast(nn.Module):
    """Keeps the image that it saw last: two runs on one image agree, if it was the first."""

    def __init__(self) -> None:
        super().__init__()
        self.last: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        before = x if self.last is None else self.last
        self.last = x
        return x - before


def test_what_shows_only_after_another_input_is_found() -> None:
    assert "another answer when it is run again" in refusal(ComparesWithTheLast())


def test_instance_norm_and_dropout_that_is_off_are_steady() -> None:
    module = Steady()
    assert load(source_of_object(module, SMALL), module).signature.outputs[0].shape == (1, 4, 14, 14)


@pytest.mark.parametrize("training", [True, False])
def test_a_program_saved_in_training_mode_is_refused_with_its_modules(tmp_path: Path, training: bool) -> None:
    path = tmp_path / "net.pt2"
    torch.export.save(torch.export.export(body().train(training), (torch.randn(1, 3, 16, 16),)), path)
    if not training:
        assert load(ModelSource(str(path))).signature.outputs[0].shape == (1, 4, 14, 14)
        return
    with pytest.raises(ModelError, match=r"in '1', '3'.*pass --eval.*call \.eval\(\) before torch\.export\.export"):
        load(ModelSource(str(path)))


class OnlyAtFirst(nn.Module):
    def __init__(self, fails: bool) -> None:
        super().__init__()
        self.runs, self.fails = 0, fails

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        self.runs += 1
        if self.runs > 1 and self.fails:
            raise ValueError("called twice")
        return {"main": x} | ({"aux": x * 2} if self.runs == 1 else {})


def test_other_outputs_at_the_second_run_are_refused() -> None:
    assert "other outputs at a later run (main) than at the first (main, aux)" in refusal(OnlyAtFirst(fails=False))
    assert "fails when it is run again: called twice" in refusal(OnlyAtFirst(fails=True))


class Attends(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.act = nn.RReLU()

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.act(nn.functional.scaled_dot_product_attention(x, x, x))
        return y


def test_attention_and_rrelu_in_evaluation_are_steady() -> None:
    module = Attends()
    assert load(source_of_object(module, SMALL), module).signature.outputs[0].shape == (1, 3, 16, 16)
