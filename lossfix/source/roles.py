"""What a person says that parameters stand for, over what their names suggest."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RoleOverrides:
    """Globs of parameter names, as the configuration has them: `z`, `*_hat`, `w_?`.

    `role_of` gives "prediction", "label" or "setting", the values of `graph.nodes`' `Role`, and
    None where nothing is said and the name is left to the conventions. A glob matches the whole
    name, case and all. A name that is listed as it stands outranks every glob; among globs the
    order is predictions, labels, settings. What is said here holds for parameters with a default
    as well. A comment at the function (`source.comments.role_comments`) outranks it.
    """

    predictions: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether anything is said at all."""
        return bool(self.predictions or self.labels or self.settings)

    def role_of(self, name: str) -> str | None:
        from fnmatch import fnmatchcase

        said = (
            ("prediction", self.predictions),
            ("label", self.labels),
            ("setting", self.settings),
        )
        for role, globs in said:
            if name in globs:
                return role
        for role, globs in said:
            if any(fnmatchcase(name, glob) for glob in globs):
                return role
        return None
