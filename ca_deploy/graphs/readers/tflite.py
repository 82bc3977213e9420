"""TFLite flatbuffers."""

from ca_deploy.graphs.readers import SIGNED_32_BIT, Reader

READER = Reader(suffix=".tflite", parser="ca_deploy.graphs.tflite:read", largest_bytes=SIGNED_32_BIT)
