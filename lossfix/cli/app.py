"""The full command line: arguments are parsed here, and handed to the road."""

from __future__ import annotations

import sys
from enum import Enum
from typing import Annotated

import typer

import lossfix
from lossfix.cli.checking import check_paths, print_answer
from lossfix.cli.exits import ERROR, STOPPED
from lossfix.cli.progress import progress
from lossfix.config import flags_from
from lossfix.errors import LossfixError

app = typer.Typer(
    help="Rewrites machine-learning losses into smooth, stable ones, and proves each fix.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Format(str, Enum):
    TEXT = "text"
    JSON = "json"


class Device(str, Enum):
    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


Paths = Annotated[list[str], typer.Argument(help="Files, folders, or FILE::FUNCTION.")]
Select = Annotated[
    list[str] | None, typer.Option(help="Only these rules: a code, a prefix or a name.")
]
Ignore = Annotated[list[str] | None, typer.Option(help="Not these rules.")]
Exclude = Annotated[
    list[str] | None, typer.Option(help="Not these paths, in folders: a glob, such as '*_test.py'.")
]
ConfigFile = Annotated[
    str | None, typer.Option("--config", help="This configuration file, for every path.")
]
NoConfig = Annotated[bool, typer.Option("--no-config", help="No configuration file.")]
OutputFormat = Annotated[Format, typer.Option(help="For people or for programs.")]
Sharpness = Annotated[
    float | None, typer.Option(min=0.0, help="The k of relaxed fixes, such as sigmoid(k * x).")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", help="An input, such as 'y_pred=float32[8,10] in (0,1)'."),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Processes; by default one a processor for many."),
]
OnDevice = Annotated[Device, typer.Option(help="Where losses are run.")]


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
    output_format: OutputFormat = Format.TEXT,
    jobs: Jobs = None,
) -> int:
    """Find what is wrong in losses. Runs nothing. Exit 0 clean, 1 findings, 2 error."""
    flags = flags_from(
        select=_names(select),
        ignore=_names(ignore),
        exclude=_names(exclude),
        config=config,
        isolated=no_config,
        baseline=baseline,
    )
    with progress("checking") as step:
        answer = check_paths(paths, flags, output_format.value, step, write_baseline, jobs)
    return print_answer(answer)


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
    allow: Annotated[
        list[str] | None,
        typer.Option(help="A contract (relaxed, monotone, bounded, straight-through) or a rule."),
    ] = None,
    sharpness: Sharpness = None,
    select: Select = None,
    ignore: Ignore = None,
    exclude: Exclude = None,
    config: ConfigFile = None,
    no_config: NoConfig = False,
    interactive: Annotated[
        bool, typer.Option("--interactive", "-i", help="Ask for each fix.")
    ] = False,
    device: OnDevice = Device.AUTO,
    inputs: Inputs = None,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """Show each fix as a diff, with its reason, contract and verdict; --write writes it."""
    from lossfix.cli.rewriting import rewrite_paths

    flags = flags_from(
        select=_names(select),
        ignore=_names(ignore),
        allow=_names(allow),
        sharpness=sharpness,
        exclude=_names(exclude),
        config=config,
        isolated=no_config,
    )
    return rewrite_paths(
        paths,
        write=write,
        verify=verify,
        flags=flags,
        interactive=interactive,
        device=device.value,
        inputs=tuple(inputs or ()),
        output_format=output_format.value,
    )


@app.command()
def verify(
    before: Annotated[str, typer.Argument(help="BEFORE.py::function")],
    after: Annotated[
        str | None, typer.Argument(help="AFTER.py::function; left out, BEFORE alone is looked at.")
    ] = None,
    contract: Annotated[str, typer.Option(help="What AFTER promises; see the README.")] = "exact",
    sharpness: Annotated[
        str | None, typer.Option(help="The keyword argument of AFTER that is its sharpness.")
    ] = None,
    device: OnDevice = Device.AUTO,
    inputs: Inputs = None,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """Run two losses and compare. Exit 0 verified, 1 refuted, 2 not run."""
    from lossfix.cli.verifying import verify_losses

    return verify_losses(
        before,
        after,
        contract,
        sharpness,
        device.value,
        tuple(inputs or ()),
        output_format.value,
    )


@app.command()
def why(
    loss: Annotated[str, typer.Argument(help="FILE::function")],
    device: OnDevice = Device.AUTO,
    inputs: Inputs = None,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """Why is there no gradient? Exit 0 where there is one, 1 where it is lost, 2 not run."""
    from lossfix.cli.verifying import explain_gradient

    return explain_gradient(loss, device.value, tuple(inputs or ()), output_format.value)


@app.command()
def rules(
    select: Select = None,
    ignore: Ignore = None,
    output_format: OutputFormat = Format.TEXT,
) -> int:
    """List the rules that are installed."""
    from lossfix.report.as_json import dumps, rule_json
    from lossfix.report.explain import rules_text
    from lossfix.rules.registry import selected

    chosen = selected(_names(select), _names(ignore))
    if output_format is Format.JSON:
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
def lsp() -> int:
    """Serve an editor: the language server, on standard input and output."""
    from lossfix.cli.serving import serve_editor

    return serve_editor()
