"""The catalogue of lossfix: one rule a file, found by its folder."""

from lossfix_transforms._discover import discover

RULES = discover()

__all__ = ["RULES"]
