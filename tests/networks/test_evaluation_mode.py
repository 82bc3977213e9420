"""``--eval``: a program that was saved in training mode answers as its network does after ``.eval()``."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from ca_deploy import ModelSource
from ca_deploy.errors import ModelError, UsageError
from ca_deploy.networks.source import Network, load, source_of_object

SHAPE = (2, 3, 12, 12)  # batch norm of one value cannot be traced in training mode


class Norms(nn.Module):
    """Batch norms of three kinds, one of them called twice, and instance norm with running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.tracked = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
        self.flat = nn.BatchNorm1d(4, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        y = self.tracked(self.norm(torch.relu(self.norm(self.first(x)))))
        found: Tensor = self.flat(y.flatten(2)).mean(2)
        return found


class Drops(nn.Module):
    """Dropout in every form that has a switch, and a norm without statistics, which is the same in both modes."""

    def __init__(self) -> None:
        super().__init__()
        self.drops = nn.Sequential(
            nn.Dropout(0.5), nn.Dropout2d(0.5), nn.AlphaDropout(0.5), nn.RReLU(), nn.Dropout(0.1)
        )
        self.inside = nn.Dropout(0.5, inplace=True)
        self.memory = nn.LSTM(12, 8, 2, dropout=0.5, batch_first=True)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True)
        self.by_batch = nn.BatchNorm2d(3, track_running_stats=False)

    def forward(self, x: Tensor) -> Tensor:
        y, _ = self.memory(self.inside(self.drops(self.by_batch(x)) * 2)[:, 0])
        found: Tensor = self.layer(y)
        return found


class Draws(nn.Module):
    """Stochastic depth as timm and torchvision write it: random numbers without a switch."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.path = nn.BatchNorm2d(3), DropPath()

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.path(self.norm(x))
        return found


class DropPath(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        return x * x.new_empty((x.shape[0], 1, 1, 1)).bernoulli_(0.8).div_(0.8)


def trained(kind: Callable[[], nn.Module]) -> nn.Module:
    """Seeded weights, and running statistics far from those of any batch."""
    network = kind()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, value in network.state_dict().items():
            if key.endswith("running_var"):
                value.uniform_(0.2, 3, generator=generator)
            elif value.is_floating_point():
                value.normal_(generator=generator)
    return network.eval()


def saved(network: nn.Module, path: Path, form: str = "traced", training: bool = True) -> Path:
    """The program of a copy in training mode, as it was traced or decomposed."""
    program = torch.export.export(
        copy.deepcopy(network).train(training),
        (torch.randn(SHAPE),),
        dynamic_shapes=({0: torch.export.Dim("batch", min=2)},),
    )
    if form != "traced":
        program = program.run_decompositions(None if form == "decomposed" else {})
    torch.export.save(program, path)
    return path


def loaded(path: Path) -> Network:
    return load(ModelSource(str(path), input_size=SHAPE[2], evaluation_mode=True))


@torch.inference_mode()
def distance(network: Network, original: nn.Module) -> float:
    images = torch.randn((4, *SHAPE[1:]), generator=torch.Generator().manual_seed(2))
    return float((network.module(images) - original(images)).abs().max())


@pytest.mark.parametrize(
    ("kind", "form"),
    [(Norms, "traced"), (Norms, "decomposed"), (Norms, "functional"), (Drops, "traced")],
)
def test_the_rewritten_program_answers_as_the_network_after_eval(
    tmp_path: Path, kind: Callable[[], nn.Module], form: str
) -> None:
    original = trained(kind)
    path = saved(original, tmp_path / "net.pt2", form)
    with pytest.raises(ModelError, match=r"not the same at every run.*pass --eval"):
        load(ModelSource(str(path), input_size=SHAPE[2]))
    network = loaded(path)
    assert distance(network, original) < 1e-5
    (note,) = network.notes
    assert note.startswith("The program was saved in training mode. --eval rewrote '")


def test_a_decomposed_dropout_is_rewritten_where_nothing_reads_its_mask(tmp_path: Path) -> None:
    original = trained(lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(0.5), nn.ReLU()))
    assert distance(loaded(saved(original, tmp_path / "net.pt2", "decomposed")), original) < 1e-5


def test_the_rewritten_program_changes_no_statistics(tmp_path: Path) -> None:
    for form in ("traced", "decomposed", "functional"):
        network = loaded(saved(trained(Norms), tmp_path / f"{form}.pt2", form))
        before = {key: value.clone() for key, value in network.module.state_dict().items()}
        network.module(torch.randn(4, *SHAPE[1:]))
        assert all(torch.equal(value, before[key]) for key, value in network.module.state_dict().items())
        again = torch.export.export(network.module, (torch.randn(SHAPE),))
        assert not again.graph_signature.buffers_to_mutate


@pytest.mark.parametrize("evaluation_mode", [True, False])
def test_random_numbers_without_a_switch_stay_refused(tmp_path: Path, evaluation_mode: bool) -> None:
    path = saved(trained(Draws), tmp_path / "net.pt2")
    with pytest.raises(ModelError, match=r"--eval cannot rewrite 'path', which draws random numbers") as error:
        load(ModelSource(str(path), input_size=SHAPE[2], evaluation_mode=evaluation_mode))
    assert ("(it would rewrite 'norm')" in str(error.value)) != evaluation_mode
    assert "pass --eval" not in str(error.value)


def test_a_program_in_evaluation_mode_is_left_as_it_is(tmp_path: Path) -> None:
    original = trained(Norms)
    network = loaded(saved(original, tmp_path / "net.pt2", training=False))
    assert network.notes == ("--eval had nothing to rewrite: the program was saved in evaluation mode.",)
    assert distance(network, original) == 0


def test_eval_is_for_programs_because_other_networks_are_put_into_evaluation_mode() -> None:
    network = trained(Norms).train()
    source = ModelSource(input_size=12)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    assert distance(load(source_of_object(network, source), network), trained(Norms)) == 0
    assert network.training and all(module.training for module in network.modules())
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    with pytest.raises(UsageError, match=r"--eval is for \.pt2 programs.*Drop it"):
        source = ModelSource(input_size=12, evaluation_mode=True)
        load(source_of_object(network, source), network)
