"""Who has which domains: sub-admins and their lists, each domain with one owner only (SpamExperts §5.2, §9, §11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.select import text
from connectors.spamexperts.panel import GONE, NOT_ALLOWED, USAGE, Panel
from core.domain.errors import RemoteError, ShapeChanged
from core.domain.text import T

UNASSIGNED = Customer("unassigned", "Unassigned")


@dataclass(slots=True)
class Account:
    """A customer with the domains that are its own. `user` is empty where the panel has no counts of its own for it.

    `shared` says that the panel lists domains with it that are those of an account below; `below` are those accounts.
    """

    customer: Customer
    user: str = ""
    id: str = ""
    domains: list[str] = field(default_factory=list)
    shared: bool = False
    below: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class SubAdmin:
    """A sub-admin as listed; `domains` None where the panel does not tell them."""

    user: str
    id: str
    domains: frozenset[str] | None


def normal(domain: str) -> str:
    """Lower case, punycode: the panel writes it either way."""
    name = domain.strip().lower()
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def shown(domain: str) -> str:
    """As people write it."""
    try:
        return domain.encode("ascii").decode("idna")
    except UnicodeError:
        return domain


def entries(result: object, place: str) -> list[object]:
    """A list, whether it comes as a list or as an object keyed by number. Anything else is no list, and never an empty one."""
    if isinstance(result, Mapping):
        return list(result.values())
    if not isinstance(result, list):
        raise ShapeChanged(
            T("The answer has no list at {path}.", path="result"), place=place, detail=f"found {type(result).__name__}"
        )
    return result


def names(result: object, place: str) -> list[str]:
    """Domain names of a list, each once, in order."""
    found = [
        one.get("domain") or one.get("name") if isinstance(one, Mapping) else one for one in entries(result, place)
    ]
    if not all(isinstance(one, str) and one.strip() for one in found):
        raise ShapeChanged(T("The list at {path} holds something that is no name.", path="result"), place=place)
    return list(dict.fromkeys(normal(str(one)) for one in found))


def all_domains(panel: Panel) -> list[str]:
    return names(panel.ask("domainslist/get"), "domainslist/get")


def sub_admins(panel: Panel) -> list[SubAdmin]:
    """Under the new name, or the old one on older clusters (SpamExperts §5.2)."""
    try:
        result = panel.ask("admin/list")
    except RemoteError as error:
        if error.kind != USAGE:
            raise
        result = panel.ask("reseller/list")
    found = []
    for one in entries(result, "admin/list"):
        if not isinstance(one, Mapping):
            raise ShapeChanged(
                T("The list at {path} holds something that is no record.", path="result"), place="admin/list"
            )
        domains = one.get("domains")
        listed = None if domains is None else frozenset(names(domains, "admin/list"))
        found.append(SubAdmin(text(one, "username", place="admin/list").lower(), text(one, "id", ""), listed))
    return found


def accounts(panel: Panel, main_user: str, builder: ReadingBuilder) -> list[Account]:
    """One account for each sub-admin, and one for domains that nobody below the main admin has."""
    admins = sub_admins(panel)
    domains = all_domains(panel)
    if any(admin.domains is None for admin in admins):
        return by_owner(panel, main_user, builder, admins, domains)
    found = {admin.user: Account(Customer(admin.user, admin.user), admin.user, admin.id) for admin in admins}
    holders: dict[str, list[SubAdmin]] = {}
    for admin in admins:
        for domain in admin.domains or ():
            holders.setdefault(domain, []).append(admin)
    for domain in dict.fromkeys([*domains, *holders]):
        if domain in holders:
            found[_lowest(panel, domain, holders[domain])].domains.append(domain)
    _relate(admins, found)
    rest = [domain for domain in domains if domain not in holders]
    return [*found.values(), *([Account(UNASSIGNED, domains=rest)] if rest else [])]


def _lowest(panel: Panel, domain: str, holders: Sequence[SubAdmin]) -> str:
    """The owner of a domain that several sub-admins list: the one with the fewest; the panel is asked where that is undecided."""
    if len(holders) == 1:
        return holders[0].user
    sizes = sorted(holders, key=lambda admin: len(admin.domains or ()))
    if len(sizes[0].domains or ()) < len(sizes[1].domains or ()):
        return sizes[0].user
    owner = _owner(panel, domain)
    if owner not in {admin.user for admin in holders}:
        raise ShapeChanged(
            T("{domain} is listed with several sub-admins, and its owner is none of them.", domain=shown(domain))
        )
    return owner


def _relate(admins: Sequence[SubAdmin], found: Mapping[str, Account]) -> None:
    """Which sub-admin stands directly below which, as far as their lists tell."""
    for admin in admins:
        own = admin.domains or frozenset()
        found[admin.user].shared = len(found[admin.user].domains) < len(own)
        above = [
            other for other in admins
            if own and other.user != admin.user and own <= (other.domains or frozenset())
            and (own != other.domains or (not found[other.user].domains and found[admin.user].domains))
        ]  # fmt: skip
        if above:
            parent = min(above, key=lambda other: (len(other.domains or ()), other.user))
            found[parent.user].below.append(admin.user)


def by_owner(
    panel: Panel, main_user: str, builder: ReadingBuilder, admins: Sequence[SubAdmin], domains: Sequence[str]
) -> list[Account]:
    """Accounts by the owner that the panel names for each domain: exact, one request per domain."""
    found = {
        admin.user: Account(Customer(admin.user, admin.user), admin.user, admin.id, shared=True) for admin in admins
    }
    rest = Account(UNASSIGNED)
    for domain in domains:
        try:
            owner = _owner(panel, domain)
        except RemoteError as error:
            if error.kind == GONE:
                builder.note(T("{domain} is listed, but does not exist any more.", domain=shown(domain)))
            elif error.kind == NOT_ALLOWED:
                builder.incomplete(T("The owner of {domain} may not be seen.", domain=shown(domain)))
            else:
                raise
            continue
        if owner in ("", main_user.lower()):
            rest.domains.append(domain)
        else:
            found.setdefault(owner, Account(Customer(owner, owner), owner, shared=True)).domains.append(domain)
    return [*found.values(), *([rest] if rest.domains else [])]


def _owner(panel: Panel, domain: str) -> str:
    """The owner's user name; empty where there is none, which may come as null or as an error (SpamExperts §5.4)."""
    try:
        result = panel.ask("domain/getowner", domain=domain)
    except RemoteError as error:
        if error.kind == "refused" and "owner" in str(error.message).lower():
            return ""
        raise
    if isinstance(result, Mapping):
        result = result.get("username")
    if result in (None, [], ""):
        return ""
    if not isinstance(result, str):
        raise ShapeChanged(T("A record has no {path}.", path="username"), place="domain/getowner")
    return result.strip().lower()
