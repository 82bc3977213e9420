"""The networks of the zoo, and what ca-deploy has to know of each: its input, where that is not 32 px of RGB."""

from dataclasses import dataclass, replace

from ca_deploy.records.input_wish import input_wish
from ca_deploy.records.model import ModelSource


@dataclass(frozen=True, slots=True)
class Entry:
    """One network. ``summary`` says what it stands for, with its source, and ``outputs`` counts its tensors."""

    source: ModelSource
    summary: str
    outputs: int = 1

    @property
    def name(self) -> str:
        """``several.siamese``"""
        return self.source.model.removeprefix("tests.zoo.").replace(":", ".")


_RGB = ModelSource(input_size=32)
_RGB64 = replace(_RGB, input_size=64)
_SCALED = replace(_RGB, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
_MAP = replace(_RGB, fit="stretch")
_GREY_LINE = ModelSource(input_size=(32, 64), channels="grey", fit="letterbox")


def _entry(
    name: str, summary: str, source: ModelSource = _RGB, inputs: tuple[str, ...] = (), outputs: int = 1
) -> Entry:
    described = replace(source, model=f"tests.zoo.{name}", inputs=tuple(map(input_wish, inputs)))
    return Entry(described, summary, outputs)


_ATTENTION = (
    _entry("attention:coord_att", "Coordinate Attention as the authors' coordatt.py has it (arXiv 2103.02907)"),
    _entry("attention:coord_att_expanded", "the same as in the authors' mbv2_ca.py, with expanded gates"),
    _entry("attention:coord_attn", "timm's CoordAttn, with a skip"),
    _entry("attention:simple_coord_attn", "timm's SimpleCoordAttn: linear layers on rows and columns"),
    _entry("attention:efficient_local_attn", "timm's EfficientLocalAttn (arXiv 2403.01123)"),
    _entry("attention:strip_attn", "timm's StripAttn"),
    _entry("attention:squeeze_excite", "squeeze and excitation (arXiv 1709.01507)"),
    _entry("attention:cbam", "CBAM (arXiv 1807.06521)"),
    _entry("attention:eca", "ECA (arXiv 1910.03151)"),
    _entry("attention:sim_am", "SimAM (ICML 2021)"),
    _entry("attention:triplet", "triplet attention (arXiv 2010.03045)"),
)

_CLASSIFIERS = (
    _entry("classifiers:resnet", "ResNet (arXiv 1512.03385)"),
    _entry("classifiers:resnext", "ResNeXt with dilation (arXiv 1611.05431)"),
    _entry("classifiers:mobilenet_v2", "MobileNetV2 (arXiv 1801.04381)", _SCALED),
    _entry("classifiers:mobilenet_v3", "MobileNetV3, h-swish in four spellings (arXiv 1905.02244)"),
    _entry("classifiers:efficientnet", "EfficientNet (arXiv 1905.11946)"),
    _entry("classifiers:sandglass", "MobileNeXt with Coordinate Attention (arXiv 2007.02269)"),
    _entry("classifiers:shufflenet", "ShuffleNetV2 (arXiv 1807.11164)"),
    _entry("classifiers:ghostnet", "GhostNet (arXiv 1911.11907)"),
    _entry("classifiers:repvgg", "RepVGG before its branches are merged (arXiv 2101.03697)"),
    _entry("classifiers:densenet", "DenseNet (arXiv 1608.06993)"),
    _entry("classifiers:squeezenet", "SqueezeNet, pools that round up (arXiv 1602.07360)"),
    _entry("classifiers:mixnet", "MixNet (arXiv 1907.09595)"),
)

_FAMILY = (
    _entry("family:inverted_se", "MobileNetV2's block with SE"),
    _entry("family:inverted_cbam", "MobileNetV2's block with CBAM"),
    _entry("family:inverted_ca_y", "MobileNetV2's block with a gate per column"),
    _entry("family:sandglass_ca", "MobileNeXt's block with Coordinate Attention"),
    _entry("family:mbconv_ca", "EfficientNet's block with Coordinate Attention"),
)

_TRANSFORMERS = (
    _entry("transformers:convnext", "ConvNeXt (arXiv 2201.03545)"),
    _entry("transformers:vision_transformer", "ViT (arXiv 2010.11929)", _SCALED),
    _entry("transformers:encoder", "PyTorch's nn.TransformerEncoder over the rows of a map"),
    _entry("transformers:mixer", "MLP-Mixer by einsum (arXiv 2105.01601)"),
    _entry("transformers:poolformer", "PoolFormer (arXiv 2111.11418)"),
    _entry("transformers:swin", "Swin's shifted windows (arXiv 2103.14030)"),
)

_DETECTORS = (
    _entry("detectors:yolo", "YOLO's head decoded into one tensor (Ultralytics' export), FPN with CA", _RGB64),
    _entry("detectors:yolo_maps", "YOLOX's raw maps in a list (arXiv 2107.08430)", _RGB64, outputs=3),
    _entry("detectors:ssd", "SSDLite's boxes and scores (arXiv 1801.04381)", _RGB64, outputs=2),
    _entry("detectors:center_net", "CenterNet's dict of maps (arXiv 1904.07850)", _RGB64, outputs=3),
    _entry("detectors:heat_peaks", "CenterNet's peaks by max pooling and comparison", _RGB64),
    _entry("detectors:top_boxes", "a detector's best boxes by topk and gather", replace(_RGB64, task="tensors")),
)

_SEGMENTERS = (
    _entry("segmenters:unet", "U-Net with CA (arXiv 1505.04597)", _MAP),
    _entry("segmenters:unet_odd", "U-Net for odd sides", replace(_MAP, input_size=(33, 65))),
    _entry("segmenters:deeplab", "DeepLabV3's ASPP (arXiv 1706.05587)", _MAP),
    _entry("segmenters:argmax", "an int64 map of classes", _MAP),
    _entry("segmenters:pixel_shuffle", "ESPCN (arXiv 1609.05158)", _SCALED),
    _entry("segmenters:upscaled", "VDSR, corners aligned (arXiv 1511.04587)", _SCALED),
    _entry("segmenters:bicubic", "VDSR with bicubic interpolation", _SCALED),
    _entry("segmenters:style", "style transfer, reflection and instance norm (arXiv 1603.08155)", _SCALED),
    _entry("segmenters:fast_depth", "FastDepth, depthwise transposed (arXiv 1903.03273)", _MAP),
    _entry("segmenters:decoder", "batch norms after transposed convolutions (arXiv 1511.06434)", _MAP),
    _entry("segmenters:matting", "an image with a rough mask: RGBA", replace(_MAP, channels="RGBA")),
    _entry("segmenters:lr_aspp", "LR-ASPP, not square (arXiv 1905.02244)", replace(_MAP, input_size=(32, 64))),
    _entry("shapes:grey_unet", "U-Net on grey", ModelSource(input_size=(48, 80), channels="grey", fit="letterbox")),
)

_SEVERAL = (
    _entry("several:age_and_gender", "two heads in a tuple", outputs=2),
    _entry("several:dict_output", "out and aux as torchvision's networks for segmentation return", _MAP, outputs=2),
    _entry("several:nested", "a dict of a list and a dict", outputs=3),
    _entry("several:dataclass_output", "a registered dataclass", outputs=2),
    _entry("several:with_none", "logits and None: an auxiliary head of training"),
    _entry("several:same_twice", "probabilities and the logits behind them", outputs=2),
    _entry("several:attributes", "six sigmoids in a list", outputs=6),
    _entry("several:with_metadata", "an image and numbers about it", inputs=("image=image", "metadata=6")),
    _entry(
        "several:siamese",
        "two images, one backbone",
        inputs=("first=image", "second=image"),
    ),
    _entry(
        "several:tracker",
        "SiamFC: a computed kernel (arXiv 1606.09549)",
        inputs=("template=image", "scene=image:64"),
    ),
    _entry(
        "several:gaze",
        "iTracker: four inputs of three kinds (arXiv 1606.05814)",
        replace(_RGB, task="tensors"),
        inputs=("face=image", "left=image:24x36:grey", "right=image:24x36:grey", "pose=3"),
    ),
    _entry(
        "several:recurrent",
        "robust video matting's state (arXiv 2108.11515)",
        inputs=("frame=image", "state=8x16x16"),
        outputs=2,
    ),
    _entry("several:tabular", "a perceptron on plain numbers", ModelSource(), inputs=("x=12",)),
)

_ODD = (
    _entry("odd:activations", "Mish, ELU, LeakyReLU, PReLU, GELU"),
    _entry("odd:group_norm", "group norms (arXiv 1803.08494)"),
    _entry("odd:tf_padding", "asymmetric and replicated padding"),
    _entry("odd:text_line_lstm", "CRNN with an LSTM, both directions (arXiv 1507.05717)", _GREY_LINE),
    _entry("odd:text_line_gru", "CRNN with a GRU", _GREY_LINE),
    _entry(
        "odd:spectrogram",
        "keyword spotting in 40 bands, 1-D convolutions (arXiv 1711.07128)",
        ModelSource(input_size=(40, 49), channels="grey", fit="stretch"),
    ),
    _entry("odd:gated", "gated linear unit, chunk, product of strided slices"),
    _entry("odd:shared", "a block called twice, tied weights", replace(_RGB, task="tensors")),
    _entry("odd:lazy", "nn.Lazy… and a block built in the first forward"),
    _entry("odd:lazy_unbuilt", "the same before its first image"),
    _entry("odd:half_precision", "weights in float16"),
    _entry("odd:multi_label", "a sigmoid per class", replace(_RGB, task="tensors")),
    _entry("odd:binary", "one sigmoid"),
    _entry("odd:regression", "NIMA's expected grade (arXiv 1709.05424)"),
    _entry("odd:branching", "a forward that branches on values"),
    _entry("odd:spectral", "FFT (arXiv 2107.00645)"),
    _entry("odd:warped", "a spatial transformer: grid_sample (arXiv 1506.02025)"),
    _entry(
        "shapes:keypoints",
        "points; BGR, values to 255",
        ModelSource(input_size=(40, 72), channels="BGR", value_range=255),
    ),
    _entry("shapes:embedding", "a unit vector", replace(_RGB, task="embedding")),
)

CATALOGUE = (*_ATTENTION, *_CLASSIFIERS, *_FAMILY, *_TRANSFORMERS, *_DETECTORS, *_SEGMENTERS, *_SEVERAL, *_ODD)
