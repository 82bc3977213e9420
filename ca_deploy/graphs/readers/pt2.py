"""torch.export programs: ZIP archives, which may be larger than 2 GiB."""

from ca_deploy.graphs.readers import Reader

READER = Reader(suffix=".pt2", parser="ca_deploy.graphs.pt2:read")
