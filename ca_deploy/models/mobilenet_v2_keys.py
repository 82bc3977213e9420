"""Parameter names of MobileNetV2 in other projects."""

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
