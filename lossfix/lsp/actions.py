"""Code actions: what can be done about the findings at a place, light until it is chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lsprotocol import types

from lossfix.editing.offers import Offer, fixed_alone, fixed_safely, offers_in, suppressed
from lossfix.editing.recheck import Checked, Noted
from lossfix.errors import LossfixError, RewriteError
from lossfix.lsp.diagnostics import diagnostics_of, key_of
from lossfix.lsp.places import FIX_ALL, Abilities, Place
from lossfix.lsp.verdicts import VERIFIED
from lossfix.report.titles import fix_title

EXPLAIN = "lossfix.explain"


def wants(only: Sequence[str] | None, kind: str) -> bool:
    """Whether a client that asks for `only` takes actions of a kind."""
    return only is None or any(kind == each or kind.startswith(f"{each}.") for each in only)


def actions_at(
    place: Place,
    wanted: types.Range,
    context: types.CodeActionContext,
    abilities: Abilities,
    whole: bool = True,
) -> list[types.CodeAction]:
    """The actions for the findings on the lines of a range. Raises LossfixError.

    A part of a text that is not the `whole` has no action about all of it.
    """
    found: list[types.CodeAction] = []
    if place.checked.error is not None:
        return found
    lines = place.sheet.lines(wanted)
    if wants(context.only, types.CodeActionKind.QuickFix):
        found += _quick_fixes(place, lines, abilities)
    if whole and wants(context.only, FIX_ALL) and _has_safe(place):
        found.append(_fix_all(place))
    if not abilities.resolves:
        found = [action for action in found if _completed(action, place, abilities)]
    return found


def _quick_fixes(
    place: Place, lines: tuple[int, int], abilities: Abilities
) -> Iterator[types.CodeAction]:
    noted = [n for n in place.checked.findings if _touches(n, lines)]
    if not noted:
        return
    offers = offers_in(place.question, lines=lines) if any(map(_may_fix, noted)) else ()
    shown = {key_of(n): n for n in noted}
    for offer in _once(offers):
        if offer.site.key in shown:
            yield from _fix(offer, shown[offer.site.key], place, abilities)
    for each in noted:
        yield _suppress(each, place)
    for code in dict.fromkeys(each.row.code for each in noted):
        yield types.CodeAction(
            title=f"Explain {code}",
            kind=types.CodeActionKind.QuickFix,
            command=types.Command(f"Explain {code}", EXPLAIN, arguments=[code]),
        )


def _touches(noted: Noted, lines: tuple[int, int]) -> bool:
    return noted.row.line <= lines[1] and lines[0] <= noted.row.end_line


def _may_fix(noted: Noted) -> bool:
    return noted.site is not None and noted.row.contract.name != "diagnosis"


def _once(offers: Sequence[Offer]) -> list[Offer]:
    """The same code twice in a function is one fix."""
    return list({offer.site.key: offer for offer in offers}.values())


def _fix(
    offer: Offer, noted: Noted, place: Place, abilities: Abilities
) -> Iterator[types.CodeAction]:
    proof = place.proofs.get(offer.site.key)
    outcome = proof.outcome if proof is not None else ""
    withdrawn = offer.site.key in place.refuted
    title = fix_title(offer.finding.rule, place.question.sharpness, outcome or "unverified")
    reason = offer.reason
    if withdrawn and proof is not None:
        reason = proof.counterexample or proof.line
    if reason:
        if abilities.disabled:
            yield types.CodeAction(
                title=title,
                kind=types.CodeActionKind.QuickFix,
                diagnostics=_own(noted, place),
                disabled=types.CodeActionDisabled(reason=reason),
            )
        return
    yield types.CodeAction(
        title=title,
        kind=types.CodeActionKind.QuickFix,
        diagnostics=_own(noted, place),
        is_preferred=outcome == VERIFIED or None,
        data={"do": "fix", "uri": place.uri, "version": place.version, "key": offer.site.key},
    )


def _suppress(noted: Noted, place: Place) -> types.CodeAction:
    row = noted.row
    return types.CodeAction(
        title=f"Suppress {row.code} here with a reason",
        kind=types.CodeActionKind.QuickFix,
        diagnostics=_own(noted, place),
        data={
            "do": "suppress",
            "uri": place.uri,
            "version": place.version,
            "code": row.code,
            "line": row.line,
            "end_line": row.end_line,
        },
    )


def _fix_all(place: Place) -> types.CodeAction:
    return types.CodeAction(
        title="lossfix: make all exact and guarded fixes",
        kind=FIX_ALL,
        data={"do": "all", "uri": place.uri, "version": place.version},
    )


def _has_safe(place: Place) -> bool:
    return any(
        each.row.contract.by_default and each.row.fix and key_of(each) not in place.refuted
        for each in place.checked.findings
    )


def _own(noted: Noted, place: Place) -> list[types.Diagnostic]:
    shown = place.sheet.shown(noted)
    one = Checked(place.question.text, (shown,) if shown is not None else ())
    return diagnostics_of(one, place.sheet.positions, place.uri, place.proofs, False)


def _completed(action: types.CodeAction, place: Place, abilities: Abilities) -> bool:
    """Whether the action has an edit, or needs none; made where the client cannot ask for it."""
    if action.disabled is not None or action.data is None:
        return True
    try:
        complete(action, place, abilities)
    except LossfixError:
        return False
    return True


def complete(action: types.CodeAction, place: Place, abilities: Abilities) -> types.CodeAction:
    """The action with its edit. Raises RewriteError where the text has changed too much for it."""
    data: Mapping[str, Any] = action.data if isinstance(action.data, Mapping) else {}
    if action.edit is not None or not data:
        return action
    question = place.question
    if data["do"] == "fix":
        if data["key"] in place.refuted:
            raise RewriteError("refuted: running both versions showed a difference")
        after = fixed_alone(question, data["key"])
    elif data["do"] == "suppress":
        if data["version"] != place.version:
            raise RewriteError("the text has changed; ask again")
        after = suppressed(question, data["code"], data["line"], data["end_line"])
    else:
        after = fixed_safely(question, place.refuted)
    action.edit = workspace_edit(place, after, abilities)
    return action


def workspace_edit(place: Place, after: str, abilities: Abilities) -> types.WorkspaceEdit:
    """The change from the place's text to another. Raises RewriteError."""
    made = place.sheet.changed(place.question.text, after)
    if not abilities.versioned:
        return types.WorkspaceEdit(changes={each.uri: each.edits for each in made})
    return types.WorkspaceEdit(
        document_changes=[
            types.TextDocumentEdit(
                types.OptionalVersionedTextDocumentIdentifier(each.uri, each.version),
                list(each.edits),
            )
            for each in made
        ]
    )
