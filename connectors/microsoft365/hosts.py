"""Where Microsoft's three services are, per cloud (Microsoft 365 §2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from connectors.microsoft365.manifest import Microsoft365Settings


class Hosts(NamedTuple):
    """Addresses without a slash at the end, and what tokens for Graph are asked for."""

    login: str
    graph: str
    partner_center: str
    graph_scope: str


CLOUDS = {
    "global": Hosts(
        "https://login.microsoftonline.com",
        "https://graph.microsoft.com/v1.0",
        "https://api.partnercenter.microsoft.com/v1",
        "https://graph.microsoft.com/.default",
    ),
    "us_government": Hosts(
        "https://login.microsoftonline.us",
        "https://graph.microsoft.us/v1.0",
        "https://api.partnercenter.microsoft.com/v1",
        "https://graph.microsoft.us/.default",
    ),
    "china": Hosts(
        "https://login.chinacloudapi.cn",
        "https://microsoftgraph.chinacloudapi.cn/v1.0",
        "https://partner.partnercenterapi.microsoftonline.cn/v1",
        "https://microsoftgraph.chinacloudapi.cn/.default",
    ),
}


def hosts_of(settings: Microsoft365Settings) -> Hosts:
    """The addresses to use. An own `base_url` stands for all three unless the others are given: a secret for a proxy or a
    test server never goes to Microsoft by mistake, nor the other way round.
    """
    usual = CLOUDS[settings.cloud]
    graph = settings.base_url.rstrip("/")
    parts = urlsplit(graph)
    if graph and parts.netloc not in {urlsplit(cloud.graph).netloc for cloud in CLOUDS.values()}:
        own = f"{parts.scheme}://{parts.netloc}"
        usual = Hosts(own, graph, f"{own}/v1", usual.graph_scope)
    return Hosts(
        settings.auth_url.rstrip("/") or usual.login,
        _versioned(graph, "v1.0") or usual.graph,
        _versioned(settings.partner_center_url, "v1") or usual.partner_center,
        usual.graph_scope,
    )


def _versioned(address: str, version: str) -> str:
    """With the version of the interface, whether or not it was typed."""
    bare = address.rstrip("/")
    return f"{bare}/{version}" if bare and not urlsplit(bare).path.strip("/") else bare
