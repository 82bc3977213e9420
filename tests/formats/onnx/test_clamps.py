"""What the quantiser drops is remembered, and clamps the float counterpart, too."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import Tensor, nn

from ca_deploy.evaluation import metrics
from ca_deploy.formats.onnx.clamps import clamps_of, dropped_clamps, remember_dropped
from ca_deploy.formats.onnx.quantise import quantise_static
from ca_deploy.formats.onnx.unrounded import open_unrounded
from ca_deploy.records.counterpart import Counterpart
from tests.formats.kit import SIZE


class Clamping(nn.Module):
    """``(N, 3, H, W)`` -> ``(N, 5)`` through a clamp whose limits neither start at 0 nor end at 6."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 16, 3, 2, 1), nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head((4 * self.conv(x)).clamp(-0.5, 0.5).mean((2, 3)))
        return logits


def graph(*nodes: onnx.NodeProto) -> onnx.ModelProto:
    constants = [onnx.helper.make_tensor("low", 1, (), [-0.5]), onnx.helper.make_tensor("high", 1, (), [float("inf")])]
    return onnx.helper.make_model(onnx.helper.make_graph(list(nodes), "g", [], [], constants))


def test_limits_are_those_of_constants() -> None:
    clip, relu = (onnx.helper.make_node(kind, [*given], [kind]) for kind, given in (("Clip", "x"), ("Relu", "x")))
    clip.input.extend(["low", "high"])
    assert clamps_of(graph(clip, relu)) == {"Clip": (-0.5, None), "Relu": (0.0, None)}


def test_only_what_is_gone_is_remembered() -> None:
    kept, gone = onnx.helper.make_node("Relu", ["x"], ["kept"]), {"gone": (None, 1.0), "kept": (0.0, None)}
    model = graph(kept)
    assert dropped_clamps(model) is None
    remember_dropped(model, gone)
    assert dropped_clamps(model) == {"gone": (None, 1.0)}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"x": 1}', '{"x": ["a", 2]}', "[" * 100_000])
def test_what_is_not_ours_is_nothing(text: str) -> None:
    model = graph()
    model.metadata_props.add(key="ca_deploy.dropped_clamps", value=text)
    assert dropped_clamps(model) is None


def test_a_clamp_stays_without_rounding(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, path = Clamping().eval(), tmp_path / "clamping.onnx"
    photos = torch.rand(8, 3, SIZE, SIZE)
    torch.onnx.export(network, (photos[:1],), path, input_names=["image"], output_names=["logits"], dynamo=True)
    model = onnx.load(path)
    ranges = {"image": (0.0, 1.0), **{name: (-3.0, 3.0) for node in model.graph.node for name in node.output}}
    ranges |= dict.fromkeys(clamps_of(model), (-0.5, 0.5))
    quantised = quantise_static(model, ranges)
    assert "Clip" not in {node.op_type for node in quantised.graph.node}
    onnx.save(quantised, path)
    with torch.inference_mode():
        expected = network(photos).numpy()
    session = open_unrounded(path, tmp_path, Counterpart())
    assert session is not None
    found = np.concatenate([session.run({"image": photo[None].numpy()})["logits"] for photo in photos])
    assert metrics.sqnr_db(expected, found) > 30
