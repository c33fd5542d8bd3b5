"""The only place where a framework is imported; the worker imports it, its parent never does."""
