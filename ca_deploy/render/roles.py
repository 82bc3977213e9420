"""The words of reports in their roles: statuses, trust in a measurement, verdicts on an operator."""

from ca_deploy.render.blocks import Role

STATUSES = {"pass": Role.GOOD, "skipped": Role.CAUTION, "fail": Role.BAD}
TRUST = {"valid": Role.GOOD, "doubtful": Role.CAUTION, "invalid": Role.BAD}
VERDICTS = {
    "accelerated": Role.GOOD,
    "falls back": Role.CAUTION,
    "float in an INT8 model": Role.CAUTION,
    "unsupported": Role.BAD,
    "unknown": Role.UNKNOWN,
}
