"""Options: the arguments that commands share, with their choices and help."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer


class Format(str, Enum):
    TEXT = "text"
    JSON = "json"


class FindingsFormat(str, Enum):
    FULL = "full"
    CONCISE = "concise"
    JSON = "json"
    GITHUB = "github"
    GITLAB = "gitlab"
    SARIF = "sarif"
    JUNIT = "junit"
    TEXT = "text"


class Device(str, Enum):
    AUTO = "auto"
    CPU = "cpu"
    GPU = "gpu"


class Sandbox(str, Enum):
    REQUIRE = "require"
    AUTO = "auto"
    OFF = "off"


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
OutputFindings = Annotated[
    FindingsFormat,
    typer.Option("--output-format", help="For people, programs or services; text is full."),
]
Sharpness = Annotated[
    list[str] | None,
    typer.Option(help="The k of relaxed fixes, as in sigmoid(k * x): 20, or LF203=5 for a rule."),
]
Kernel = Annotated[
    list[str] | None, typer.Option(help="Another smooth shape for a rule: LF203=smoothstep.")
]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", help="An input, such as 'y_pred=float32[8,10] in (0,1)'."),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", min=1, help="Processes; by default one a processor for many."),
]
Confirmed = Annotated[
    bool, typer.Option("--confirmed", help="Fix only what shows when the loss is run.")
]
ExitZero = Annotated[bool, typer.Option("--exit-zero", help="Findings are no failure.")]
InSandbox = Annotated[
    Sandbox,
    typer.Option(
        "--sandbox",
        help="The fences around a loss that runs: all or nothing runs, what there is, limits only.",
    ),
]
OnDevice = Annotated[Device, typer.Option(help="Where losses are run.")]
Allow = Annotated[
    list[str] | None,
    typer.Option(help="A contract (relaxed, monotone, bounded, straight-through) or a rule."),
]
AtATime = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Losses to run at a time.")]
