"""What a connection that failed means, in words: how far it came, or what the other side says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.domain.errors import ContractBridgeError, RateLimited, RemoteError, Unauthorized
from core.domain.ports import Stage
from core.domain.text import T, Text
from core.services.examining.check import TODO, WRONG, Check

if TYPE_CHECKING:
    from core.services.context import Context

STAGES: dict[Stage, tuple[Text, Text]] = {
    Stage.NAME: (
        T("the name of its host is not known (DNS)"),
        T("Check the address, and whether this machine can resolve names."),
    ),
    Stage.CONNECTION: (
        T("nothing answers at its address"),
        T("Check the address, the firewall and the proxy."),
    ),
    Stage.TLS: (
        T("there is no trusted encrypted connection (TLS)"),
        T("Check its certificate and this machine's clock; add the authority's certificate or pin the server's own."),
    ),
    Stage.ANSWER: (
        T("it is connected, but what comes is no answer (HTTP)"),
        T("Check whether the address is that of the portal, and not of something else."),
    ),
}


def failed(ctx: Context, name: str, error: ContractBridgeError, of: str) -> Check:
    """What a failed connection means: signing in, how far it came, or what the other side says."""
    part = "Autotask" if of == "autotask" else "Portals"
    if isinstance(error, Unauthorized):
        message = T("{name}: the credentials are not accepted (any more).", name=name)
        return Check(part, WRONG, message, error.remedy or T("Enter new ones."), f"{of}.credentials")
    if isinstance(error, RateLimited):
        message = T("{name}: {message}", name=name, message=error.message)
        return Check(part, TODO, message, T("Try again later."), f"{of}.busy")
    return not_reached(ctx, part, name, error) or Check(
        part, WRONG, T("{name}: {message}", name=name, message=error.message), error.remedy, f"{of}.fails"
    )


def not_reached(ctx: Context, part: str, name: str, error: ContractBridgeError) -> Check | None:
    """How far a connection came that failed on its way; None where the other side answered."""
    stage = ctx.lookout.stage(error) if isinstance(error, RemoteError) else None
    if stage is None or error.kind not in ("not_sent", "no_answer"):
        return None
    how, remedy = STAGES[stage]
    host = error.place.partition("://")[2].partition("/")[0]
    message = T("{name}: {host} is not reached: {how}.", name=name, host=host or "?", how=how)
    return Check(part, WRONG, message, remedy, f"host.{stage.value}")
