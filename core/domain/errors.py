"""The one family of errors. What to do next decides the class.

=====================================  ==================================================================================
situation                              raise
=====================================  ==================================================================================
a person can fix it                    `PersonError` (or `SettingsError`, `AccessDenied`, `ConfirmationNeeded`, `InputError`)
the other side failed, may work later  `RemoteError(retryable=True)` (or `RateLimited`)
the other side refuses                 `RemoteError(retryable=False)` (or `Unauthorized`, `Refused`, `ShapeChanged`)
nobody knows whether a write happened  `OutcomeUnknown`: read back before anything else (M4)
our own mistake                        any other exception: it is logged with a number, the page shows the number
=====================================  ==================================================================================
"""

from __future__ import annotations

from core.domain.text import T, Text

__all__ = [
    "AccessDenied",
    "ConfirmationNeeded",
    "ContractBridgeError",
    "InputError",
    "OutcomeUnknown",
    "PersonError",
    "RateLimited",
    "Refused",
    "RemoteError",
    "SettingsError",
    "ShapeChanged",
    "Unauthorized",
]


class ContractBridgeError(Exception):
    """Root of the family.

    `message` says what is wrong, `place` where (file, row, page, portal), `remedy` what to do; all three are for
    people and are translated. `detail` is for the log alone and must never hold a secret.
    """

    def __init__(
        self, message: Text, *, place: str = "", remedy: Text | None = None, detail: str = "", kind: str = ""
    ) -> None:
        super().__init__(str(message))
        self.message = message
        self.place = place
        self.remedy = remedy
        self.detail = detail
        self.kind = kind

    def __str__(self) -> str:
        parts = [f"{self.place}: " if self.place else "", str(self.message), f" {self.remedy}" if self.remedy else ""]
        return "".join(parts)


class PersonError(ContractBridgeError):
    """A person can fix this: message, place and remedy say how."""


class SettingsError(PersonError):
    """A setting is missing or wrong; `place` names it."""


class InputError(PersonError):
    """A file or form cannot be read as it is; `kind` is one of the kinds of the file importer where it comes from a file."""


class AccessDenied(PersonError):
    """The signed-in person's role does not allow this."""

    def __init__(self, needed: str, *, place: str = "") -> None:
        super().__init__(
            T("This needs the role {role}.", role=needed),
            place=place,
            remedy=T("Ask an administrator to do it or to give you that role."),
            kind="access_denied",
        )


class ConfirmationNeeded(PersonError):
    """The person may do this, but has to show once more who they are: somebody else may be at their browser."""

    def __init__(self) -> None:
        super().__init__(
            T("Please confirm that it is you."),
            remedy=T(
                "Secrets, people and the connection to Autotask change only after you have signed in a moment ago."
            ),
            kind="confirmation_needed",
        )


class RemoteError(ContractBridgeError):
    """The other side failed. `retryable` tells whether the same request may work later."""

    def __init__(
        self,
        message: Text,
        *,
        retryable: bool,
        place: str = "",
        remedy: Text | None = None,
        detail: str = "",
        kind: str = "",
        status: int | None = None,
    ) -> None:
        super().__init__(message, place=place, remedy=remedy, detail=detail, kind=kind)
        self.retryable = retryable
        self.status = status


class RateLimited(RemoteError):
    """Too many requests; wait `retry_after` seconds where the other side says so."""

    def __init__(self, message: Text, *, retry_after: float | None = None, place: str = "", detail: str = "") -> None:
        super().__init__(message, retryable=True, place=place, detail=detail, kind="rate_limited", status=429)
        self.retry_after = retry_after


class Unauthorized(RemoteError):
    """The credentials are not accepted."""

    def __init__(self, message: Text, *, place: str = "", remedy: Text | None = None, detail: str = "") -> None:
        super().__init__(
            message, retryable=False, place=place, remedy=remedy, detail=detail, kind="unauthorized", status=401
        )


class Refused(RemoteError):
    """The other side understood and says no (validation, business rule). Never sent again unchanged.

    `reason` is a stable word for what was refused: `same_day`, `negative`, `outside_contract`, `posted`, `zero`,
    `inactive_reference`, `permission` or `other`.
    """

    def __init__(
        self, message: Text, *, reason: str, place: str = "", detail: str = "", status: int | None = None
    ) -> None:
        super().__init__(message, retryable=False, place=place, detail=detail, kind="refused", status=status)
        self.reason = reason


class ShapeChanged(RemoteError):
    """The answer is not what its documentation says (missing field, other type, cut off). Never read as zero (M2)."""

    def __init__(self, message: Text, *, place: str = "", detail: str = "") -> None:
        super().__init__(message, retryable=False, place=place, detail=detail, kind="shape_changed")


class OutcomeUnknown(RemoteError):
    """A write was sent and no answer tells whether it happened: read back, never resend blindly (M4)."""

    def __init__(self, message: Text, *, place: str = "", detail: str = "") -> None:
        super().__init__(message, retryable=False, place=place, detail=detail, kind="outcome_unknown")
