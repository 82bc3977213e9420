"""A head around a network: its outputs, proved again, in every way that a network comes; and what has none."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import ca_deploy
from ca_deploy.errors import UsageError
from ca_deploy.formats import Format, find_format
from ca_deploy.networks.source import Network, load, source_of_object
from ca_deploy.pipeline.request import refuse_head
from ca_deploy.records.model import ModelSource
from ca_deploy.tasks import Head, find_head, find_task, heads


class Segmenter(nn.Module):
    """Logits of 3 classes at stride 2, with an auxiliary output as torchvision's networks have in training."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, 3, 3, 2, 1)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        found = self.conv(x)
        return {"out": found, "aux": 2 * found}


def loaded(head: str | None) -> Network:
    network = Segmenter()
    return load(source_of_object(network, ModelSource(input_size=(12, 16), head=head)), network)


def test_outputs_of_each_head() -> None:
    shapes = {None: (1, 3, 6, 8), "logits": (1, 3, 6, 8), "resized": (1, 3, 12, 16), "argmax": (1, 12, 16)}
    for head, shape in shapes.items():
        found = loaded(head)
        assert (found.task.name, found.signature.outputs[0].shape, found.head) == ("segmentation", shape, head)
    resized, classes = loaded("resized"), loaded("argmax")
    assert [one.name for one in resized.signature.outputs] == ["logits"]
    assert [(one.name, one.dtype) for one in classes.signature.outputs] == [("classes", "int32")]
    image = torch.randn(1, 3, 12, 16)
    with torch.no_grad():
        logits = nn.functional.interpolate(Segmenter()(image)["out"], (12, 16), mode="bilinear", align_corners=False)
        assert torch.equal(resized.module(image), logits)
        assert torch.equal(classes.module(image), logits.argmax(1).int())


def test_a_program_takes_a_head_too(tmp_path: Path) -> None:
    path = tmp_path / "segmenter.pt2"
    torch.export.save(torch.export.export(Segmenter().eval(), (torch.randn(1, 3, 12, 16),)), path)
    found = load(ModelSource(str(path), head="argmax"))
    assert found.signature.outputs[0].shape == (1, 12, 16)


def test_of_an_object_in_memory_the_head_is_exported_once_and_is_in_the_manifest(tmp_path: Path) -> None:
    source = ModelSource(input_size=(12, 16), head="argmax")
    (done,) = ca_deploy.export(Segmenter(), source=source, formats=["onnx"], output=tmp_path)
    assert [(one.name, one.shape) for one in done.manifest.outputs] == [("classes", (1, 12, 16))]
    assert (done.manifest.model.source.head, done.manifest.task) == ("argmax", "segmentation")
    assert done.passed
    assert done.manifest.parity.agreement == 100


def test_what_has_no_such_head_is_refused() -> None:
    with pytest.raises(UsageError, match=r"Unknown --head of task segmentation 'argmx'\. Did you mean 'argmax'\?"):
        loaded("argmx")
    source = ModelSource("mobilenet_v2_ca", head="argmax")
    with pytest.raises(UsageError, match=r"task classification has no heads\. Heads of that name belong to segment"):
        load(source)
    with pytest.raises(UsageError, match=r"the task tensors has no heads\. Drop it"):
        find_head(find_task("tensors"), "other")
    with pytest.raises(UsageError, match="Unknown --head"):
        ca_deploy.export(ModelSource("deeplabv3_mobilenet_v2", task="segmentation", head="x"), formats=["onnx"])


def test_a_head_that_formats_finish_is_for_those_that_do(monkeypatch: pytest.MonkeyPatch) -> None:
    network = loaded("argmax")
    assert set(heads()) >= {"segmentation/logits", "segmentation/resized", "segmentation/argmax"}
    refuse_head(network, [find_format("onnx")])
    monkeypatch.setitem(find_task("segmentation").heads, "argmax", Head("with an operator", finished=True))
    wanted: list[Format] = [find_format("onnx")]
    with pytest.raises(UsageError, match=r"--head argmax is not possible with --format onnx.* another head: logits, "):
        refuse_head(network, wanted)


def test_labels_are_as_many_as_the_classes(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("road\nsky\n")
    with pytest.raises(UsageError, match="Segmenter has 3 classes, but there are 2 labels"):
        network = Segmenter()
        load(source_of_object(network, ModelSource(input_size=(12, 16), labels=labels)), network)
