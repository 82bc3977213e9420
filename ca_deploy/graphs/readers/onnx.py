"""ONNX protobufs."""

from ca_deploy.graphs.readers import SIGNED_32_BIT, Reader

READER = Reader(suffix=".onnx", parser="ca_deploy.graphs.onnx:read", largest_bytes=SIGNED_32_BIT)
