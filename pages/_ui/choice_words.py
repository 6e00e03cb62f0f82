"""What the choices of a connector's form are called, in the person's language. Names stay what they are: POST, SHA-256."""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.services.forms import FormField
from pages._ui import column_words
from pages._ui.formats import tr


def of(field: FormField) -> Mapping[str, str]:
    """The words of a field's choices, by their values; those of this very field come before the general ones."""
    special = _special().get(field.name, {})
    general = _general()
    return {choice: special.get(choice) or general.get(choice) or choice for choice in field.choices}


def explained(field: FormField) -> str:
    """What the choices mean: the same words as in the list, where the text names them as the settings file does (`newest: …`)."""
    text = tr(field.help) if field.help else ""
    for choice, words in of(field).items():
        end = r"\b" if choice in PLAIN else r"(?=:)"
        text = re.sub(rf"(?<![\w.]){re.escape(choice)}{end}", lambda _, words=words: words, text)
    return text


PLAIN = ("auto", "automatic")
"""Choices that texts name in the middle of a sentence, too."""


def _general() -> dict[str, str]:
    return {
        "account": tr("Account"),
        "actual": tr("Actual cost"),
        "admin": "Admin API",
        "all": tr("All of them"),
        "amortized": tr("Amortized cost"),
        "application": tr("The application itself"),
        "archive": tr("Move to the archive"),
        "auto": tr("Automatic"),
        "automatic": tr("Automatic"),
        "average": tr("Average"),
        "body": tr("In the body"),
        "china": "China",
        "classic": tr("Classic"),
        "cloud": "FortiManager Cloud",
        "comma": tr("Comma"),
        "console": tr("Console"),
        "consumption": tr("Billing files"),
        "cookie": tr("Cookie"),
        "count": tr("How many there are"),
        "customers": tr("Everything of the customers that it names"),
        "delegated": tr("The application and a person"),
        "delete": tr("Delete"),
        "detailed": tr("Detailed"),
        "domain": tr("Domain"),
        "file": tr("File"),
        "bare": tr("Bare: the card alone"),
        "form": tr("Form"),
        "global": tr("Worldwide"),
        "group": tr("Host group"),
        "header": tr("Header"),
        "highest": tr("The highest"),
        "keep": tr("Leave it where it is"),
        "key": tr("API key"),
        "last": tr("The last one"),
        "left": tr("Left"),
        "legacy": tr("Legacy: for old connectors"),
        "line_items": tr("Invoice lines"),
        "list": tr("Only the tenants below"),
        "local": tr("One installation"),
        "max": tr("The highest"),
        "meta": tr("Meta field"),
        "mixed": tr("A product of its own"),
        "nearest": tr("To the nearest"),
        "newest": tr("The newest"),
        "none": tr("None"),
        "owner": tr("Owner"),
        "password": tr("Password"),
        "point": tr("Point"),
        "portal": tr("Everything of the portal"),
        "query": tr("Parameter in the address"),
        "report": tr("Report"),
        "right": tr("Right"),
        "root": tr("Whose ADOM has root"),
        "site": tr("Site"),
        "sites": tr("Site by site"),
        "standard": tr("One organisation"),
        "sub_admin": tr("Sub-admin"),
        "subscription": tr("Subscription"),
        "sum": tr("Their sum"),
        "summary": tr("Summary"),
        "tag": tr("Tag"),
        "template": tr("Where the text has a place"),
        "tenant": tr("Tenant"),
        "text": tr("Text"),
        "up": tr("Up"),
        "usage": tr("Tables of usage"),
        "us_government": tr("US government"),
        "vdoms": tr("Virtual domains alone"),
        "wrapper": tr("Wrapper: the card in a message"),
        **NAMES,
    }


NAMES = {
    "accounts": "Accounts API",
    "adom": "ADOM",
    "api_key": "Api-Key",
    "authorization": "Authorization",
    "base64": "Base64",
    "basic": "HTTP Basic",
    "bearer": "Bearer",
    "control_panel": "Control Panel API",
    "cp_token": "CP-TOKEN",
    "csv": "CSV",
    "graph": "Microsoft Graph",
    "graphql": "GraphQL",
    "hex": "Hex",
    "integration": "Integration API",
    "json": "JSON",
    "marketplace": "Marketplace API",
    "msp": "MSP",
    "ndjson": "NDJSON",
    "openid": "OpenID Connect",
    "partner_center": "Partner Center",
    "sha1": "SHA-1",
    "sha256": "SHA-256",
    "sha512": "SHA-512",
    "site_manager": "Site Manager",
    "subscription_key": "Subscription-Key",
    "token": "Authorization, App-ID",
    "x_api_key": "X-Api-Key",
    "xml": "XML",
}
"""The same in every language."""
UNCHANGED = {"GET", "POST", "HS256", "RS256", "ES256", "v1", "v2", "1", "2"}
"""Values that are their own words."""


def _special() -> dict[str, dict[str, str]]:
    return {
        "shape": column_words.shapes(),
        "rounding": {"none": tr("Not rounded")},
        "customers_from": {
            "contracts": tr("Reseller relationships (Graph)"),
            "delegated_admin": tr("Delegated administration (GDAP)"),
        },
        "split_by": {
            "ResourceGroupName": tr("Resource group"),
            "MeterCategory": tr("Meter category"),
            "ServiceName": tr("Service"),
            "SubscriptionId": tr("Subscription"),
            "ResourceId": tr("Resource"),
        },
        "customer": {"invoice_section": tr("Invoice section")},
        "billed_customer": {"invoice_section": tr("Invoice section")},
        "data_center": {
            "eu": tr("Europe"),
            "us": tr("United States"),
            "uk": tr("United Kingdom"),
            "in": "India",
            "au": tr("Australia"),
            "jp": "Japan",
            "ca": "Canada",
            "cn": "China",
            "sa": tr("Saudi Arabia"),
        },
        "on_empty": {"skip": tr("Leave the record out"), "parent": tr("Let it stand for itself")},
        "security": {"none": tr("No encryption"), "starttls": "STARTTLS", "tls": "TLS"},
        "sign_in": {"none": tr("Nobody signs in"), "oauth": "OAuth 2.0"},
    }
