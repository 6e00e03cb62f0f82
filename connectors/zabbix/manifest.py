"""How Zabbix is connected, and what is counted."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, Manifest, OwnServerSettings
from connectors.zabbix.counting import Product
from connectors.zabbix.source import Zabbix
from core.domain.text import T


class ZabbixSettings(OwnServerSettings):
    """Field names are those of the workspace file."""

    base_url: str = Field(
        title="Address of the Zabbix frontend",
        description="As in the browser, for example https://zabbix.example/zabbix, or the whole address of api_jsonrpc.php.",
    )
    username: str = Field(
        "", title="User name", description="Only without an API token: sign in with a user name and password."
    )
    customer: Literal["group", "tag"] = Field(
        "group",
        title="A customer is",
        description="group: a host group under the prefix, with its nested groups. tag: the value of a tag of the host.",
    )
    group_prefix: str = Field(
        "Customers/",
        title="Prefix of customer groups",
        description="With group: Customers/ makes Customers/Acme the customer Acme. Empty: every host group is a customer.",
    )
    customer_tag: str = Field(
        "customer",
        min_length=1,
        title="Customer tag",
        description="With tag: the name of the tag. Hosts without it are counted as Unassigned.",
    )
    products: list[Product] = Field(
        ["hosts_enabled", "hosts_disabled", "hosts_total", "hosts_discovered"],
        title="Counts",
        description="What is counted. items_monitored and proxies take more requests.",
    )
    count_discovered: bool = Field(
        True,
        title="Count discovered hosts",
        description="Hosts that discovery made, such as virtual machines, count as hosts. They come and go by themselves.",
    )
    role_tag: str = Field(
        "", title="Role tag", description="Also count monitored hosts by the value of this tag. Empty: do not."
    )
    role_prefix: str = Field(
        "",
        title="Prefix of role groups",
        description="Also count monitored hosts by their groups under this prefix, for example Role/. Empty: do not.",
    )
    front_username: str = Field(
        "",
        title="User name of the web server",
        description="Only when the web server in front of Zabbix itself asks for a password. Not possible from Zabbix 7.2 on.",
    )


class ZabbixSecrets(ConnectorSecrets):
    api_token: SecretStr = Field(
        SecretStr(""), title="API token", description="Made in Zabbix under API tokens. Shown once. Preferred."
    )
    password: SecretStr = Field(SecretStr(""), title="Password", description="Only with a user name.")
    front_password: SecretStr = Field(
        SecretStr(""), title="Password of the web server", description="Only with a user name of the web server."
    )


MANIFEST = Manifest(
    slug="zabbix",
    name="Zabbix",
    kind=ConnectorKind.API,
    counts=T("Monitored hosts per customer, by host group or tag"),
    settings=ZabbixSettings,
    secrets=ZabbixSecrets,
    connect=Zabbix,
    guide=(
        T("In Zabbix, make a user whose role allows the API and whose group may read the customers' host groups."),
        T("Make an API token for that user; it is shown once. Copy it here with the address of the frontend."),
        T("Choose what makes a customer: a host group under a prefix, or a tag of the host."),
        T("A server with its own certificate: give its authority's certificate, or pin the certificate itself."),
    ),
)
