"""TFLite (LiteRT) flatbuffers, written by litert-torch and quantised by ai-edge-quantizer."""

from ca_deploy.formats import Bits, Format

FORMAT = Format(
    name="tflite",
    suffix=".tflite",
    description="TFLite flatbuffer for LiteRT on Android, Linux and microcontrollers (NHWC input)",
    converter="ca_deploy.formats.tflite.export:TfliteConverter",
    snippets="ca_deploy.formats.tflite.snippets:snippets",
    finishes=("detection/nms",),
    unfinished="ca_deploy.formats.tflite.detections:without_detections",
    unrounded="ca_deploy.formats.tflite.unrounded:open_unrounded",
    limits="ca_deploy.formats.tflite.limits:limits",
    packages=("litert_torch", "ai_edge_quantizer", "ai_edge_litert"),
    modes={
        "float32": Bits(),
        "float16": Bits(activations=(16,)),
        "dynamic": Bits(weights=(8,)),
        "static": Bits(weights=(8,), activations=(8, 16)),
    },
    io=("float32", "int8", "uint8rgb"),
    layer_bits={"float": "", 16: ""},
)
