"""`lossfix verify` and `lossfix why`: the commands' work, without their parser."""

from __future__ import annotations

from lossfix.check import lifted
from lossfix.cli.exits import CLEAN, ERROR, FINDINGS
from lossfix.cli.output import write_output
from lossfix.cli.progress import progress
from lossfix.cli.targets import parse_target
from lossfix.errors import LossfixError, VerifyError
from lossfix.graph.kinds import may_be_loss
from lossfix.graph.packages import Packages
from lossfix.proving import Prover, rules_at
from lossfix.report.alone import alone, alone_text
from lossfix.report.as_json import dumps, why_json
from lossfix.report.certificate import certificate, schema_text
from lossfix.report.formats import JSON
from lossfix.report.verdict_text import verdict_text
from lossfix.report.why_text import why_text
from lossfix.rules.contracts import CONTRACTS, Bounded, Contract, Meaning, Relaxed
from lossfix.source.files import Source, read_source
from lossfix.verify import Options, Outcome, Program

_EXITS = {Outcome.VERIFIED: CLEAN, Outcome.REFUTED: FINDINGS, Outcome.NOT_RUN: ERROR}


def verify_losses(
    before: str,
    after: str | None,
    contract: str,
    sharpness: str | None,
    device: str,
    inputs: tuple[str, ...],
    output_format: str,
    sandbox: str = "auto",
    seed: int = 0,
    file: str | None = None,
    bound: float | None = None,
) -> int:
    """Runs a pair, or one loss alone, and prints the verdict; `file` takes its certificate.

    Raises LossfixError.
    """
    options = Options(device=device, inputs=inputs, sandbox=sandbox, seed=seed)
    if after is None:
        return look_at_one(before, options, output_format, file)
    promised = _contract(contract, bound)
    first, second = _program(before), _program(after)
    if sharpness is not None and not isinstance(promised, Relaxed):
        raise VerifyError("--sharpness names the sharpness of a relaxed pair; add --contract")
    with progress("running") as step, Prover(options, recalling=False) as prover:
        step(f"{before} against {after}")
        verdict = prover.pair(first, second, promised, sharpness)
    told = dumps(certificate(verdict, first, second, options))
    if file is not None:
        write_output(file, f"{told}\n", "certificate")
    print(told if output_format == JSON else verdict_text(verdict))
    return _EXITS[verdict.outcome]


def print_schema() -> int:
    print(schema_text(), end="")
    return CLEAN


def explain_gradient(
    loss: str,
    device: str,
    inputs: tuple[str, ...],
    output_format: str,
    sandbox: str = "auto",
) -> int:
    """Runs one loss with every value watched; prints where its gradient is lost."""
    program = _program(loss)
    options = Options(device=device, inputs=inputs, sandbox=sandbox)
    with progress("running") as step, Prover(options) as prover:
        step(loss)
        trace = prover.trace(program)
    mends = rules_at(program, trace)
    if output_format == JSON:
        print(dumps(why_json(trace, program.path, program.function, mends)))
    else:
        print(why_text(trace, program.path, program.function, mends))
    if trace.status == "not run":
        return ERROR
    return CLEAN if trace.status == "ok" else FINDINGS


def look_at_one(loss: str, options: Options, output_format: str, file: str | None) -> int:
    """Which regimes give a NaN, infinite, missing or zero gradient, and where contexts disagree."""
    program = _program(loss)
    with progress("running") as step, Prover(options, recalling=False) as prover:
        step(loss)
        trace = prover.trace(program)
        contexts = prover.pair(program, program, Meaning(), None)
    verdict = alone(trace, contexts)
    found = certificate(verdict, program, None, options)
    told = dumps({**found, "regimes": list(trace.regimes)})
    if file is not None:
        write_output(file, f"{told}\n", "certificate")
    print(told if output_format == JSON else alone_text(verdict, trace))
    return _EXITS[verdict.outcome]


def _contract(name: str, bound: float | None) -> Contract:
    kinds = {kind.name: kind for kind in CONTRACTS if kind.name not in ("diagnosis",)}
    if name not in kinds:
        raise VerifyError(f"no contract is called {name!r}; there are {', '.join(kinds)}")
    if kinds[name] is Bounded:
        if bound is None:
            raise VerifyError("a bounded pair needs its bound: add --bound, such as --bound 1e-6")
        return Bounded(bound)
    if bound is not None:
        raise VerifyError("--bound is the bound of a bounded pair; add --contract bounded")
    return kinds[name]()


def _program(text: str) -> Program:
    """Raises SourceError where the file cannot be read, LossfixError where no function is meant."""
    target = parse_target(text)
    source = read_source(target.path)
    return Program(source.text, str(target.path), target.function or _only_loss(source))


def _only_loss(source: Source) -> str:
    """The one loss of a file, or else its one function. Raises LossfixError where none is alone."""
    index = lifted(source, Packages()).index
    outer = {name: place for name, place in index.places.items() if place.parent is None}
    losses = [name for name, place in outer.items() if may_be_loss(place, index)]
    found = losses if len(losses) == 1 else list(outer)
    if len(found) == 1:
        return found[0]
    held = f"; its functions are: {', '.join(found)}" if found else "; it holds none"
    raise LossfixError(f"{source.path}: name one function, as in losses.py::my_loss{held}")
