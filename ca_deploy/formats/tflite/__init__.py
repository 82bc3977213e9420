"""TFLite (LiteRT) flatbuffers, written by litert-torch and quantised by ai-edge-quantizer."""

from ca_deploy.formats import Format

FORMAT = Format(
    name="tflite",
    suffix=".tflite",
    description="TFLite flatbuffer for LiteRT on Android, Linux and microcontrollers (NHWC input)",
    exporter="ca_deploy.formats.tflite.export:export",
    packages=("litert_torch", "ai_edge_quantizer", "ai_edge_litert"),
)
