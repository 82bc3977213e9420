"""ExecuTorch's XNNPACK partitioner (rules), for torch.export programs: see ``executorch_xnnpack.toml``."""

from ca_deploy.targets import Target

TARGET = Target(
    name="executorch_xnnpack",
    suffixes=(".pt2",),
    description="ExecuTorch's XNNPACK partitioner (rules), for torch.export programs",
    checker="ca_deploy.targets._rules:check",
    place=6,
)
