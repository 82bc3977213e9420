"""Core ML packages."""

from ca_deploy.graphs.readers import Reader

READER = Reader(suffix=".mlpackage", parser="ca_deploy.graphs.mlpackage:read", is_folder=True)
