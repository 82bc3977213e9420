"""Parameter names of MobileNetV2 in other projects."""

from collections.abc import Iterator

from ca_deploy.models.key_layout import KeyLayout

# The authors number activations too: conv.0 conv, .1 norm, .2 ReLU6, .3 conv, .4 norm, ... Their first
# block has no expansion, so its indices start at the depthwise convolution.
_AUTHORS_COMMON = (
    (r"^features\.1\.conv\.([01])\.", r"features.1.depthwise.\1."),
    (r"^features\.1\.conv\.3\.", r"features.1.project.0."),
    (r"^features\.1\.conv\.4\.", r"features.1.project.1."),
    (r"^features\.(\d+)\.conv\.([01])\.", r"features.\1.expand.\2."),
    (r"^features\.(\d+)\.conv\.3\.", r"features.\1.depthwise.0."),
    (r"^features\.(\d+)\.conv\.4\.", r"features.\1.depthwise.1."),
    (r"^conv\.([01])\.", r"features.18.\1."),
    (r"^classifier\.(\d\.)?(weight|bias)$", r"classifier.1.\2"),
)
AUTHORS_CA = KeyLayout(
    "authors' mbv2_ca.py",
    (
        # mbv2_ca.py calls the H branch conv2 and the W branch conv3; coordatt.py calls them conv_h and conv_w.
        (r"^features\.(\d+)\.conv\.6\.conv2\.", r"features.\1.attention.conv_h."),
        (r"^features\.(\d+)\.conv\.6\.conv3\.", r"features.\1.attention.conv_w."),
        (r"^features\.(\d+)\.conv\.6\.", r"features.\1.attention."),
        (r"^features\.(\d+)\.conv\.7\.", r"features.\1.project.0."),
        (r"^features\.(\d+)\.conv\.8\.", r"features.\1.project.1."),
        *_AUTHORS_COMMON,
    ),
)
AUTHORS_PLAIN = KeyLayout(
    "authors' plain mobilenetv2.py",
    (
        (r"^features\.(\d+)\.conv\.6\.", r"features.\1.project.0."),
        (r"^features\.(\d+)\.conv\.7\.", r"features.\1.project.1."),
        *_AUTHORS_COMMON,
    ),
)
TORCHVISION = KeyLayout(
    "torchvision",
    (
        (r"^features\.1\.conv\.0\.([01])\.", r"features.1.depthwise.\1."),
        (r"^features\.1\.conv\.1\.", r"features.1.project.0."),
        (r"^features\.1\.conv\.2\.", r"features.1.project.1."),
        (r"^features\.(\d+)\.conv\.0\.([01])\.", r"features.\1.expand.\2."),
        (r"^features\.(\d+)\.conv\.1\.([01])\.", r"features.\1.depthwise.\2."),
        (r"^features\.(\d+)\.conv\.2\.", r"features.\1.project.0."),
        (r"^features\.(\d+)\.conv\.3\.", r"features.\1.project.1."),
    ),
)

_BLOCKS_PER_STAGE = (1, 2, 3, 4, 3, 3, 1)


def _of_timm() -> Iterator[tuple[str, str]]:
    """timm numbers stages and the blocks in them; its first block has a depthwise and a pointwise convolution only."""
    yield r"^conv_stem\.", r"features.0.0."
    yield r"^bn1\.", r"features.0.1."
    yield r"^conv_head\.", r"features.18.0."
    yield r"^bn2\.", r"features.18.1."
    yield r"^classifier\.", r"classifier.1."
    number = 0
    for stage, blocks in enumerate(_BLOCKS_PER_STAGE):
        names = ("depthwise", "project") if stage == 0 else ("expand", "depthwise", "project")
        convolutions = ("conv_dw", "conv_pw") if stage == 0 else ("conv_pw", "conv_dw", "conv_pwl")
        for block in range(blocks):
            number += 1
            for norm, (name, convolution) in enumerate(zip(names, convolutions, strict=True), start=1):
                yield rf"^blocks\.{stage}\.{block}\.{convolution}\.", rf"features.{number}.{name}.0."
                yield rf"^blocks\.{stage}\.{block}\.bn{norm}\.", rf"features.{number}.{name}.1."


TIMM = KeyLayout("timm", tuple(_of_timm()))
