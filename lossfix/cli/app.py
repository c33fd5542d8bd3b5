"""The full command line: arguments are parsed here, and handed to the road."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Annotated

import typer

import lossfix
from lossfix.cli.checking import check_paths, print_answer
from lossfix.cli.exits import CLEAN, ERROR, FINDINGS, STOPPED
from lossfix.cli.options import (
    Allow,
    AtATime,
    ConfigFile,
    Confirmed,
    Device,
    Exclude,
    ExitZero,
    FindingsFormat,
    Format,
    Ignore,
    Inputs,
    InSandbox,
    Jobs,
    Kernel,
    NoConfig,
    OnDevice,
    OutputFindings,
    OutputFormat,
    Paths,
    Sandbox,
    Select,
    Sharpness,
)
from lossfix.cli.progress import progress
from lossfix.config import Flags, flags_from
from lossfix.errors import LossfixError
from lossfix.migrate.choices import EngineName, SplitBy, Until

app = typer.Typer(
    help="Rewrites machine-learning losses into smooth, stable ones, and proves each fix.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def run() -> int:
    """Parse, do, and give the exit code; every expected error is one line."""
    try:
        code = int(app(standalone_mode=False) or 0)
        if code == STOPPED:  # how Typer passes on a Ctrl-C
            raise KeyboardInterrupt
        return code
    except LossfixError as error:
        print(f"error: {error}", file=sys.stderr)
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except BrokenPipeError:
        raise
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        print(f"error: {error.format_message().rstrip('.')}; see lossfix --help", file=sys.stderr)
    return ERROR


def _names(values: list[str] | None) -> tuple[str, ...]:
    return tuple(name for text in values or () for name in text.split(",") if name)


def _flags(
    select: list[str] | None,
    ignore: list[str] | None,
    allow: list[str] | None,
    sharpness: list[str] | None,
    kernel: list[str] | None,
    exclude: list[str] | None,
    config: str | None,
    no_config: bool,
) -> Flags:
    """The options that commands which rewrite share."""
    return flags_from(
        select=_names(select),
        ignore=_names(ignore),
        allow=_names(allow),
        sharpness=_names(sharpness) or None,
        kernels=_names(kernel),
        exclude=_names(exclude),
        config=config,
        isolated=no_config,
    )


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        print(f"lossfix {lossfix.__version__}")
        raise typer.Exit


@app.command()
def check(
    paths: Paths,
    select: Select = None,
    ignore: Ignore = None,
    exclude: Exclude = None,
    config: ConfigFile = None,
    no_config: NoConfig = False,
    baseline: Annotated[
        str | None, typer.Option(metavar="FILE", help="Show what this baseline does not know.")
    ] = None,
    write_baseline: Annotated[
        str | None, typer.Option(metavar="FILE", help="Record what is found, and show nothing.")
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Run each loss, to see whether the finding shows.")
    ] = False,
    device: OnDevice = Device.AUTO,
    sandbox: InSandbox = Sandbox.AUTO,
    inputs: Inputs = None,
    output_format: OutputFindings = FindingsFormat.FULL,
    jobs: Jobs = None,
    statistics: Annotated[
        bool, typer.Option("--statistics", help="Count the findings of each rule.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Print what rewrite would change, without running it.")
    ] = False,
    exit_zero: ExitZero = False,
) -> int:
    """Find what is wrong in losses. Runs nothing unless asked to. Exit 0 clean, 1 findings."""
    flags = flags_from(
        select=_names(select),
        ignore=_names(ignore),
        exclude=_names(exclude),
        config=config,
        isolated=no_config,
        baseline=baseline,
    )
    if diff:
        return _spared(_diff_of(paths, flags), exit_zero)
    with ExitStack() as stack:
        confirmer = None
        if confirm:
            from lossfix.confirming import confirmer_for
            from lossfix.verify import Options

            options = Options(
                device=device.value, inputs=tuple(inputs or ()), sandbox=sandbox.value
            )
            confirmer = stack.enter_context(confirmer_for(options))
        step = stack.enter_context(progress("checking"))
        answer = check_paths(
            paths, flags, output_format.value, step, write_baseline, jobs, statistics, confirmer
        )
    return _spared(print_answer(answer), exit_zero)


def _diff_of(paths: list[str], flags: Flags) -> int:
    from lossfix.cli.rewriting import rewrite_paths

    return rewrite_paths(
        paths,
        write=False,
        verify=False,
        flags=flags,
        interactive=False,
        device=Device.CPU.value,
        inputs=(),
        output_format=Format.TEXT.value,
    )


def _spared(code: int, exit_zero: bool) -> int:
    return CLEAN if exit_zero and code == FINDINGS else code


@app.command()
def rewrite(
    paths: Paths,
    write: Annotated[bool, typer.Option("--write", help="Write the files.")] = False,
    verify: Annotated[
        bool | None,
        typer.Option(
            "--verify/--no-verify",
            help="Run both versions of each loss; on where a framework is installed.",
        ),
    ] = None,
    allow: Allow = None,
    sharpness: Sharpness = None,
    kernel: Kernel = None,
    select: Select = None,
    ignore: Ignore = None,
    exclude: Exclude = None,
    config: ConfigFile = None,
    no_config: NoConfig = False,
    confirmed: Confirmed = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Ask for each fix.")
    ] = False,
    device: OnDevice = Device.AUTO,
    sandbox: InSandbox = Sandbox.AUTO,
    inputs: Inputs = None,
    jobs: AtATime = 1,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """Show each fix as a diff, with its reason, contract and verdict; --write writes it."""
    from lossfix.cli.rewriting import rewrite_paths

    flags = _flags(select, ignore, allow, sharpness, kernel, exclude, config, no_config)
    return rewrite_paths(
        paths,
        write=write,
        verify=verify,
        flags=flags,
        interactive=interactive,
        device=device.value,
        inputs=tuple(inputs or ()),
        output_format=output_format.value,
        confirmed=confirmed,
        sandbox=sandbox.value,
        jobs=jobs,
    )


@app.command()
def report(
    paths: Paths,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where the page goes.")
    ] = "lossfix-report.html",
    allow: Allow = None,
    sharpness: Sharpness = None,
    kernel: Kernel = None,
    select: Select = None,
    ignore: Ignore = None,
    exclude: Exclude = None,
    config: ConfigFile = None,
    no_config: NoConfig = False,
    device: OnDevice = Device.AUTO,
    sandbox: InSandbox = Sandbox.AUTO,
    inputs: Inputs = None,
    jobs: AtATime = 1,
) -> int:
    """Write an HTML page of every fix with its verdict and a plot. The code stays as it is."""
    from lossfix.cli.reporting import report_paths
    from lossfix.verify import Options

    flags = _flags(select, ignore, allow, sharpness, kernel, exclude, config, no_config)
    options = Options(device=device.value, inputs=tuple(inputs or ()), sandbox=sandbox.value)
    return report_paths(paths, output, flags, options, jobs)


@app.command()
def migrate(
    root: Annotated[str, typer.Argument(help="The folder to migrate.")],
    until: Annotated[Until, typer.Option(help="The last step that is taken.")] = Until.PLAN,
    files_from: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Only the files listed there (NUL or newline); - reads."),
    ] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="Only these paths: a glob, such as 'src/**'.")
    ] = None,
    include_not_run: Annotated[
        bool, typer.Option("--include-not-run", help="Write fixes that could not be run, too.")
    ] = False,
    confirmed: Confirmed = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="Do again what failed or could not be run.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print the diff on stdout.")] = False,
    patch: Annotated[
        str | None, typer.Option(metavar="PATH", help="Write the diff there; a folder if split.")
    ] = None,
    split_by: Annotated[
        SplitBy | None, typer.Option(help="One patch a rule, directory or owner.")
    ] = None,
    commit: Annotated[
        bool, typer.Option("--commit", help="Commit what is written, one commit a rule.")
    ] = False,
    branch: Annotated[str, typer.Option(help="The branch of the commits.")] = "lossfix",
    allow_dirty: Annotated[
        bool, typer.Option("--allow-dirty", help="Commit beside changes that are not committed.")
    ] = False,
    allow: Allow = None,
    sharpness: Sharpness = None,
    kernel: Kernel = None,
    select: Select = None,
    ignore: Ignore = None,
    exclude: Exclude = None,
    config: ConfigFile = None,
    no_config: NoConfig = False,
    jobs: Jobs = None,
    engine: Annotated[EngineName, typer.Option(help="Processes here, or Ray.")] = EngineName.POOL,
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster; by default one is started here.")
    ] = None,
    device: OnDevice = Device.AUTO,
    inputs: Inputs = None,
    html: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write a page of diffs, verdicts and plots.")
    ] = None,
    sandbox: InSandbox = Sandbox.AUTO,
    timeout: Annotated[
        float | None, typer.Option(min=1.0, help="Seconds that one verification may take.")
    ] = None,
    exit_zero: ExitZero = False,
    output_format: OutputFindings = FindingsFormat.FULL,
) -> int:
    """Plan, verify and apply fixes over a whole folder; plans alone unless --until says more.

    What was done is in ROOT/.lossfix, so that a run that was stopped goes on where it was.
    """
    from lossfix.cli.migrating import migrate as migrated
    from lossfix.cli.wanted import Wanted

    flags = _flags(select, ignore, allow, sharpness, kernel, exclude, config, no_config)
    wanted = Wanted(
        root,
        until,
        _names(include),
        files_from,
        include_not_run,
        retry,
        diff,
        patch,
        split_by,
        commit,
        branch,
        allow_dirty,
        jobs,
        engine,
        address,
        device.value,
        tuple(inputs or ()),
        html,
        sandbox.value,
        timeout,
        output_format.value,
        exit_zero,
        confirmed,
    )
    return migrated(wanted, flags)


@app.command()
def undo(
    root: Annotated[str, typer.Argument(help="The folder that was migrated.")] = ".",
) -> int:
    """Take back what the last migration wrote, where nobody edited it since."""
    from lossfix.cli.migrating import undo_migration

    return undo_migration(root)


@app.command()
def verify(
    before: Annotated[str | None, typer.Argument(help="BEFORE.py::function")] = None,
    after: Annotated[
        str | None, typer.Argument(help="AFTER.py::function; left out, BEFORE alone is looked at.")
    ] = None,
    contract: Annotated[str, typer.Option(help="What AFTER promises; see the README.")] = "exact",
    sharpness: Annotated[
        str | None, typer.Option(help="The keyword argument of AFTER that is its sharpness.")
    ] = None,
    bound: Annotated[
        float | None, typer.Option(min=0, help="By how much a bounded AFTER may move the value.")
    ] = None,
    device: OnDevice = Device.AUTO,
    sandbox: InSandbox = Sandbox.AUTO,
    inputs: Inputs = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed draws the same inputs.")] = 0,
    certificate: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write the verdict there, as JSON.")
    ] = None,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of certificates.")
    ] = False,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """Run two losses and compare. Exit 0 verified, 1 refuted, 2 not run."""
    from lossfix.cli.verifying import print_schema, verify_losses

    if schema:
        return print_schema()
    if before is None:
        raise typer.BadParameter("name one loss or two, as BEFORE.py::function")
    return verify_losses(
        before,
        after,
        contract,
        sharpness,
        device.value,
        tuple(inputs or ()),
        output_format.value,
        sandbox.value,
        seed,
        certificate,
        bound,
    )


@app.command()
def why(
    loss: Annotated[str, typer.Argument(help="FILE::function")],
    device: OnDevice = Device.AUTO,
    sandbox: InSandbox = Sandbox.AUTO,
    inputs: Inputs = None,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """Why is there no gradient? Exit 0 where there is one, 1 where it is lost, 2 not run."""
    from lossfix.cli.verifying import explain_gradient

    return explain_gradient(
        loss, device.value, tuple(inputs or ()), output_format.value, sandbox.value
    )


@app.command()
def rules(
    select: Select = None,
    ignore: Ignore = None,
    symptom: Annotated[
        str | None,
        typer.Option(metavar="WORDS", help="What you see, such as 'loss is NaN after a while'."),
    ] = None,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """List the rules that are installed, or those behind what goes wrong in training."""
    from lossfix.report.as_json import dumps, rule_json, symptoms_json
    from lossfix.report.explain import rules_text, symptom_text
    from lossfix.rules.registry import selected

    chosen = selected(_names(select), _names(ignore))
    if symptom is not None:
        as_json = output_format is Format.JSON
        print(dumps(symptoms_json(symptom, chosen)) if as_json else symptom_text(symptom, chosen))
    elif output_format is Format.JSON:
        print(dumps({"rules": [rule_json(rule) for rule in chosen]}))
    else:
        print(rules_text(chosen))
    return 0


@app.command()
def config(
    path: Annotated[str, typer.Argument(help="A file or a folder.")],
    config: ConfigFile = None,
    no_config: NoConfig = False,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """Show what applies to a path, and where it comes from."""
    from lossfix.cli.configuring import show_config

    return show_config(path, flags_from(config=config, isolated=no_config), output_format.value)


@app.command()
def explain(
    rule: Annotated[str, typer.Argument(help="A code, or a name.")],
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """All that is known of a rule: why, where it breaks, what its fix promises."""
    from lossfix.report.as_json import dumps, rule_json
    from lossfix.report.explain import explain_text
    from lossfix.rules.registry import every_rule, named

    found = named(rule, every_rule())
    if output_format is Format.JSON:
        print(dumps({"rules": [rule_json(each) for each in found]}))
    else:
        print("\n\n\n".join(explain_text(each) for each in found))
    return 0


@app.command()
def docs(
    folder: Annotated[str, typer.Argument(help="The folder of the site's pages.")],
    select: Select = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 where a page is not up to date.")
    ] = False,
) -> int:
    """Write a page for each rule, and indexes by symptom and by operation."""
    from lossfix.cli.documenting import write_docs

    return write_docs(folder, _names(select), check)


@app.command()
def lsp() -> int:
    """Serve an editor: the language server, on standard input and output."""
    from lossfix.cli.serving import serve_editor

    return serve_editor()
