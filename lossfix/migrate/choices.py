"""What can be chosen about a migration; light, for the parser of arguments."""

from __future__ import annotations

from enum import Enum


class Until(str, Enum):
    """The last step that is taken."""

    PLAN = "plan"
    VERIFY = "verify"
    APPLY = "apply"


class EngineName(str, Enum):
    """What spreads the work."""

    POOL = "pool"
    RAY = "ray"


class SplitBy(str, Enum):
    """What one patch of several holds."""

    RULE = "rule"
    DIRECTORY = "directory"
    OWNER = "owner"
