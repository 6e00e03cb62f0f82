"""Reads Zabbix: customer groups or tags, hosts in slices, and items and proxies where asked for (Zabbix §6, §7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors._kit.reading import Customer, ReadingBuilder
from connectors._kit.select import Record, records, text
from connectors.zabbix.counting import DISCOVERED, UNASSIGNED, Groups, Host, Tally, line, status_of
from connectors.zabbix.rpc import Rpc
from core.domain.errors import RemoteError, SettingsError, ShapeChanged
from core.domain.text import T
from core.domain.usage import Reading, UsageLine

if TYPE_CHECKING:
    from connectors.zabbix.manifest import ZabbixSecrets, ZabbixSettings

SLICE = 500
"""Hosts in one answer: there are no pages, and PHP's memory is limited (Zabbix §7)."""
PROXY_ID_SINCE, HOST_GROUPS_SINCE = (7, 0), (6, 2)
BY_PROXY, BY_PROXY_GROUP = "1", "2"


class Zabbix:
    """One Zabbix server of an MSP, with a host group or tag for each customer."""

    def __init__(self, portal: str, settings: ZabbixSettings, secrets: ZabbixSecrets) -> None:
        self.portal = portal
        self.settings = settings
        if not secrets.api_token.get_secret_value() and not (settings.username and secrets.password.get_secret_value()):
            raise SettingsError(
                T("Zabbix needs an API token, or a user name with a password."), place=portal, kind="missing"
            )
        self.rpc = Rpc(settings, secrets)
        self.api = self.rpc.api

    def test(self) -> None:
        """Raises what is wrong, in words."""
        with self.rpc.session():
            if self.settings.customer == "group":
                self._groups()
            else:
                self._none_is_an_error(self._host_ids({}))

    def read(self, now: datetime) -> Reading:
        builder = ReadingBuilder(self.portal, now)
        with self.rpc.session():
            tally = self._tally(builder)
            for one in tally.lines(self.settings.products):
                builder.add(one)
            tally.note_shared(builder)
            if "items_monitored" in self.settings.products:
                builder.each_customer(tally.counts, lambda customer: self._items(customer, tally), at_once=1)
        return builder.reading()

    def _tally(self, builder: ReadingBuilder) -> Tally:
        """All hosts, each once. When hosts vanish while they are read, everything is read once more."""
        groups = self._groups() if self.settings.customer == "group" else None
        wanted: dict[str, Any] = {}
        if groups is not None:
            groups.note(builder)
            wanted = {"groupids": list(groups.by_id)}
        proxies = self._proxies_of_groups()
        for _ in range(2):
            tally = Tally("items_monitored" in self.settings.products, self.settings.count_discovered)
            for customer in groups.customers if groups else ():
                tally.know(customer)
            ids = self._host_ids(wanted)
            if groups is None:
                self._none_is_an_error(ids)
            missing = set(ids)
            for row in self._hosts(ids):
                identity = text(row, "hostid")
                if identity not in missing:
                    continue
                host = self._host(row, groups, proxies)
                if host.customers:
                    missing.discard(identity)
                    tally.add(host)
            if not missing:
                return tally
        raise ShapeChanged(
            T("Zabbix does not tell the customers of {count} hosts that it lists under them.", count=len(missing)),
            place="host.get",
        )

    def _groups(self) -> Groups:
        """The customers' groups. An account without rights gets a shorter list, not an error: none at all is one (Zabbix §10.4)."""
        prefix = self.settings.group_prefix
        if prefix and prefix[-1].isalnum():
            prefix += "/"
        narrowed: dict[str, Any] = {"search": {"name": prefix}, "startSearch": True} if prefix else {}
        rows = self.rpc.records("hostgroup.get", output=["groupid", "name"], sortfield="name", **narrowed)
        groups = Groups(prefix, rows)
        if not groups.by_id:
            raise RemoteError(
                T("The Zabbix account sees no host group under {prefix}.", prefix=prefix or "/"),
                retryable=False,
                place="hostgroup.get",
                remedy=T(
                    "Give its user group read permission on the customers' host groups, nested ones too, and check the prefix."
                ),
                kind="forbidden",
            )
        return groups

    def _none_is_an_error(self, ids: list[str]) -> None:
        if not ids:
            raise RemoteError(
                T("The Zabbix account sees no host at all."),
                retryable=False,
                place="host.get",
                remedy=T("Give its user group read permission on the customers' host groups."),
                kind="forbidden",
            )

    def _host_ids(self, wanted: dict[str, Any]) -> list[str]:
        rows = self.rpc.records("host.get", output=["hostid"], sortfield="hostid", **wanted)
        return list(dict.fromkeys(text(row, "hostid") for row in rows))

    def _hosts(self, ids: list[str]) -> Iterator[Record]:
        """The hosts in slices: one answer is in memory at a time."""
        output = ["hostid", "status", "flags"]
        more: dict[str, Any] = {}
        if "proxies" in self.settings.products:
            new = self.rpc.version >= PROXY_ID_SINCE
            output += ["monitored_by", "proxyid", "proxy_groupid"] if new else ["proxy_hostid"]
        if self.settings.customer == "group" or self.settings.role_prefix:
            more["selectHostGroups" if self._new_groups else "selectGroups"] = ["groupid", "name"]
        if self.settings.customer == "tag" or self.settings.role_tag:
            more["selectTags"] = ["tag", "value"]
        for start in range(0, len(ids), SLICE):
            yield from self.rpc.records("host.get", output=output, hostids=ids[start : start + SLICE], **more)

    @property
    def _new_groups(self) -> bool:
        return self.rpc.version >= HOST_GROUPS_SINCE

    def _host(self, row: Record, groups: Groups | None, proxies: dict[str, frozenset[str]]) -> Host:
        key = "hostgroups" if self._new_groups else "groups"
        if groups is not None:
            customers = groups.of(row, key)
        else:
            named = _values(row, self.settings.customer_tag)
            customers = frozenset(Customer(name, name) for name in named) or frozenset({UNASSIGNED})
        roles = _values(row, self.settings.role_tag) if self.settings.role_tag else set()
        if self.settings.role_prefix:
            prefix = self.settings.role_prefix
            names = (text(group, "name") for group in records(row, key, place="host.get"))
            roles |= {name[len(prefix) :] for name in names if name.startswith(prefix) and len(name) > len(prefix)}
        return Host(
            id=text(row, "hostid"),
            customers=customers,
            enabled=status_of(row),
            discovered=text(row, "flags", place="host.get") == DISCOVERED,
            roles=frozenset(roles),
            proxies=self._proxies(row, proxies) if "proxies" in self.settings.products else frozenset(),
        )

    def _proxies(self, row: Record, members: dict[str, frozenset[str]]) -> frozenset[str]:
        """Who polls a host: a proxy, or since 7.0 the proxies of a group that share the work."""
        if self.rpc.version < PROXY_ID_SINCE:
            found = text(row, "proxy_hostid", place="host.get")
            return frozenset({found} - {"0", ""})
        by = text(row, "monitored_by", place="host.get")
        if by == BY_PROXY_GROUP:
            return members.get(text(row, "proxy_groupid", place="host.get"), frozenset())
        return frozenset({text(row, "proxyid", place="host.get")}) if by == BY_PROXY else frozenset()

    def _proxies_of_groups(self) -> dict[str, frozenset[str]]:
        if "proxies" not in self.settings.products or self.rpc.version < PROXY_ID_SINCE:
            return {}
        members: dict[str, set[str]] = {}
        for row in self.rpc.records("proxy.get", output=["proxyid", "proxy_groupid"]):
            members.setdefault(text(row, "proxy_groupid", "0"), set()).add(text(row, "proxyid"))
        return {group: frozenset(found) for group, found in members.items() if group != "0"}

    def _items(self, customer: Customer, tally: Tally) -> Iterable[UsageLine]:
        """Counted, never listed: there are very many (Zabbix §6.6)."""
        ids = tally.hosts[customer]
        slices = [ids[start : start + SLICE] for start in range(0, len(ids), SLICE)]
        yield line(
            customer, "items_monitored", sum(self.rpc.number("item.get", hostids=one, monitored=True) for one in slices)
        )


def _values(row: Record, name: str) -> set[str]:
    """The values of a host's own tag; empty ones are none."""
    tags = records(row, "tags", place="host.get")
    return {value for tag in tags if text(tag, "tag") == name and (value := text(tag, "value", ""))}
