"""OpenID Connect: signing people in at the company's own identity provider."""

from __future__ import annotations

from connectors._openid.provider import OpenIdProviders

__all__ = ["OpenIdProviders"]
