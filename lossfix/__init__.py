"""lossfix rewrites machine-learning losses into smooth, stable equivalents, and proves each fix."""

__version__ = "0.1.0"
