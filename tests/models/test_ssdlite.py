"""SSDLite: its size as in the paper, its anchors, and the loss that trains it."""

import numpy as np
import pytest
import torch

from ca_deploy.errors import ModelError
from ca_deploy.models import ssdlite
from ca_deploy.models.multibox import MultiBoxLoss
from ca_deploy.networks.source import load
from ca_deploy.records.model import ModelSource
from ca_deploy.tasks._boxes import decode

NAME = "ssdlite320_mobilenet_v2"
SMALL = ModelSource(NAME, random_weights=True, num_classes=3, width=0.5)


@pytest.fixture(scope="module")
def network() -> ssdlite.SSDLite:
    return ssdlite.SSDLite(3, width=0.5).eval()


@pytest.mark.parametrize(("suffix", "millions"), [("", 4.3), ("_se", 4.7), ("_cbam", 4.7), ("_ca", 4.8)])
def test_parameters_are_those_of_the_paper(suffix: str, millions: float) -> None:
    with torch.device("meta"):
        made = getattr(ssdlite, NAME + suffix)()
    assert round(sum(value.numel() for value in made.parameters()) / 1e6, 1) == millions


def test_every_anchor_has_an_offset_and_scores(network: ssdlite.SSDLite) -> None:
    with torch.inference_mode():
        given = network(torch.zeros(2, 3, 320, 320))
    anchors = network.box_coding.anchor_array()
    assert anchors.shape == (2034, 4)
    assert given["boxes"].shape == (2, 2034, 4)
    assert given["scores"].shape == (2, 2034, 4)
    assert anchors[:3, :2] == pytest.approx(np.full((3, 2), 0.5 / 20))
    assert anchors[-1] == pytest.approx([0.5, 0.5, (0.95) ** 0.5, (0.95) ** 0.5])


def test_the_signature_says_what_the_boxes_are_and_other_sizes_are_refused() -> None:
    found = load(SMALL)
    assert found.signature.boxes is not None
    assert found.signature.boxes.count == 2034
    assert found.task.name == "detection"
    assert found.signature.photo is not None
    assert found.signature.photo.fit == "stretch"
    with pytest.raises(ModelError, match=r"320x320 px: --input-size 320"):
        load(ModelSource(NAME, random_weights=True, num_classes=3, width=0.5, input_size=300))


def test_what_an_anchor_is_to_learn_decodes_to_the_box(network: ssdlite.SSDLite) -> None:
    coding = network.box_coding
    boxes = torch.tensor([[0.2, 0.3, 0.5, 0.8], [0.1, 0.1, 0.3, 0.25]])
    offsets, classes = MultiBoxLoss(coding).match(boxes, torch.tensor([1, 2]))
    decoded = decode(offsets.numpy(), coding.anchor_array(), coding.variances)
    for kind, box in zip((2, 3), boxes.numpy(), strict=True):
        own = decoded[(classes == kind).numpy()]
        assert len(own) > 1
        assert own == pytest.approx(np.tile(box, (len(own), 1)), abs=1e-5)


def test_the_loss_of_the_right_answer_is_small_and_photos_without_boxes_count(network: ssdlite.SSDLite) -> None:
    loss = MultiBoxLoss(network.box_coding)
    truth = [(torch.tensor([[0.2, 0.3, 0.5, 0.8]]), torch.tensor([1])), (torch.zeros(0, 4), torch.zeros(0).long())]
    offsets, classes = (torch.stack(values) for values in zip(*(loss.match(*one) for one in truth), strict=True))
    right = torch.nn.functional.one_hot(classes, 4) * 20.0
    assert loss(offsets, right, truth) < 1e-3
    assert loss(offsets, right.flip(2), truth) > 10
