"""Latency: how long a file takes on a device, measured so that the figure can be trusted."""

from ca_deploy.latency.float32_twin import against_float32

__all__ = ["against_float32"]
