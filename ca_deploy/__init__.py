"""ca-deploy: take a trained Coordinate-Attention network from PyTorch to a phone, with proof.

The names below are the public API; the command line merely calls them. They are imported when first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ca_deploy.discretion import be_discreet

if TYPE_CHECKING:
    from ca_deploy.api import compare, evaluate, export
    from ca_deploy.artifact import Manifest
    from ca_deploy.distillation import distill
    from ca_deploy.errors import CaDeployError
    from ca_deploy.evaluation import AccuracyReport
    from ca_deploy.parity_report import ParityReport
    from ca_deploy.pipeline import Export
    from ca_deploy.source import ModelSource, Network, load

be_discreet()

_HOMES = {
    "AccuracyReport": "evaluation",
    "CaDeployError": "errors",
    "Export": "pipeline",
    "Manifest": "artifact",
    "ModelSource": "source",
    "Network": "source",
    "ParityReport": "parity_report",
    "compare": "api",
    "distill": "distillation",
    "evaluate": "api",
    "export": "api",
    "load": "source",
}

__all__ = [
    "AccuracyReport",
    "CaDeployError",
    "Export",
    "Manifest",
    "ModelSource",
    "Network",
    "ParityReport",
    "compare",
    "distill",
    "evaluate",
    "export",
    "load",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'ca_deploy' has no attribute {name!r}")
    return getattr(importlib.import_module(f"ca_deploy.{_HOMES[name]}"), name)
