"""Everything lossfix raises on purpose.

LossfixError
├── SourceError          a file that cannot be read, decoded or parsed; it stays as it was
│   └── ChangedOnDisk    the file is no longer the text that was analysed
├── ConfigError          a configuration or a baseline that cannot be used; nothing is checked
├── RuleError            a rule pack that cannot be loaded, or a name that selects no rule
├── RewriteError         an edit that would not print the intended tree; the edit is withheld
├── MigrateError         a migration that cannot start or go on; what is done stays done
└── VerifyError          a verification that was asked for and cannot start
    ├── NoDevice         the device that was asked for is not there
    └── NoSandbox        the sandbox that was asked for cannot be had on this system
"""

from __future__ import annotations


class LossfixError(Exception):
    """Base of all errors that a person should read as one line: what, where, what next."""


class SourceError(LossfixError):
    """A file cannot be read, decoded or parsed."""

    def __init__(self, path: str, message: str, line: int | None = None) -> None:
        self.path = path
        self.line = line
        self.reason = message
        where = path if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {message}")


class ChangedOnDisk(SourceError):
    """The file changed after it was analysed, so nothing is written."""


class ConfigError(LossfixError):
    """A configuration file or a baseline is broken, or is not there."""

    def __init__(self, path: str, message: str, line: int | None = None) -> None:
        self.path = path
        self.line = line
        where = path if line is None else f"{path}:{line}"
        super().__init__(f"{where}: {message}")


class RuleError(LossfixError):
    """A rule pack cannot be loaded, or a name selects no rule."""


class RewriteError(LossfixError):
    """An edit is withheld; the message starts with its reason code."""


class MigrateError(LossfixError):
    """A migration cannot start, or cannot go on; what it has done is kept."""


class VerifyError(LossfixError):
    """A verification that was asked for cannot start."""


class NoDevice(VerifyError):
    """The device that was asked for is not there."""


class NoSandbox(VerifyError):
    """A fence that was required cannot be put up on this system."""
