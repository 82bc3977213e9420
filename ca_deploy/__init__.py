"""ca-deploy: take a trained Coordinate-Attention network from PyTorch to a phone, with proof.

The names below are the public API, which the command line calls too. They are imported on first use.
"""

import importlib

from ca_deploy.processes.discretion import be_discreet

TYPE_CHECKING = False  # without the import of typing, before which the command cannot answer Ctrl-C
if TYPE_CHECKING:
    from ca_deploy.api.attention import attention
    from ca_deploy.api.check import check
    from ca_deploy.api.compare import compare
    from ca_deploy.api.evaluate import evaluate
    from ca_deploy.api.export import export
    from ca_deploy.api.lower import lower
    from ca_deploy.api.predict import predict
    from ca_deploy.api.profile import profile
    from ca_deploy.api.report import report
    from ca_deploy.api.sweep import sweep
    from ca_deploy.data.distillation import distill
    from ca_deploy.errors import CaDeployError
    from ca_deploy.networks.source import Network, load
    from ca_deploy.pipeline.export import Export
    from ca_deploy.records.accuracy import AccuracyReport
    from ca_deploy.records.compat import CompatReport
    from ca_deploy.records.latency import LatencyReport
    from ca_deploy.records.manifest import Manifest
    from ca_deploy.records.model import ModelSource
    from ca_deploy.records.parity import ParityReport

be_discreet()

_HOMES = {
    "AccuracyReport": "records.accuracy",
    "CaDeployError": "errors",
    "CompatReport": "records.compat",
    "Export": "pipeline.export",
    "LatencyReport": "records.latency",
    "Manifest": "records.manifest",
    "ModelSource": "records.model",
    "Network": "networks.source",
    "ParityReport": "records.parity",
    "attention": "api.attention",
    "check": "api.check",
    "compare": "api.compare",
    "distill": "data.distillation",
    "evaluate": "api.evaluate",
    "export": "api.export",
    "load": "networks.source",
    "lower": "api.lower",
    "predict": "api.predict",
    "profile": "api.profile",
    "report": "api.report",
    "sweep": "api.sweep",
}

__all__ = [
    "AccuracyReport",
    "CaDeployError",
    "CompatReport",
    "Export",
    "LatencyReport",
    "Manifest",
    "ModelSource",
    "Network",
    "ParityReport",
    "attention",
    "check",
    "compare",
    "distill",
    "evaluate",
    "export",
    "load",
    "lower",
    "predict",
    "profile",
    "report",
    "sweep",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'ca_deploy' has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"ca_deploy.{_HOMES[name]}"), name)
    return found
