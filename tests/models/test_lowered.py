"""Attention of whole networks is found, and each rewrite of it is proved, though they are untrained.

`tests/zoo/family.py` has their blocks in miniature, which are exported to every format.
"""

import pytest

import ca_deploy
from ca_deploy.records.model import ModelSource


@pytest.mark.parametrize(
    ("name", "blocks", "rules"),
    [
        ("mobilenet_v2_cbam", 16, "onnxruntime-int8"),
        ("mobilenext_se", 15, "litert-int8"),
        ("efficientnet_b0_ca", 16, "onnxruntime-float32"),
    ],
)
def test_its_attention_is_found_and_proved(name: str, blocks: int, rules: str) -> None:
    found = ca_deploy.lower(ModelSource(name, random_weights=True, input_size=64), [rules])[rules]
    assert len(found.blocks) == blocks and not found.left_alone
    assert not found.not_proved
