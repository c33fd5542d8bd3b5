"""Verification: both versions of a loss are run, and the contract is checked on what came out."""

from lossfix.verify.confirm import Confirmation, Status, cannot_confirm, confirm_finding
from lossfix.verify.pair import tensorflow_available, verify_pair
from lossfix.verify.request import Hints, Options, Program
from lossfix.verify.session import Session
from lossfix.verify.verdict import Context, Outcome, Verdict, not_run
from lossfix.verify.why import Trace, TraceRow, trace_gradients

__all__ = [
    "Confirmation",
    "Context",
    "Hints",
    "Options",
    "Outcome",
    "Program",
    "Session",
    "Status",
    "Trace",
    "TraceRow",
    "Verdict",
    "cannot_confirm",
    "confirm_finding",
    "not_run",
    "tensorflow_available",
    "trace_gradients",
    "verify_pair",
]
