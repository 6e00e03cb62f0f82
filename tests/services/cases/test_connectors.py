"""What a connector is to the use cases: found by folder, settings checked in words, forms drawn from it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import Field, SecretStr

from connectors._kit.contract import ConnectorKind, ConnectorSecrets, ConnectorSettings, Manifest
from connectors._kit.registry import Registry
from core.domain.errors import SettingsError
from core.domain.text import T
from core.domain.usage import Reading
from core.domain.validation import problems
from core.services.forms import form_of


class Settings(ConnectorSettings):
    tenant: str = Field(title="Tenant", description="Which one.")
    region: ConnectorKind = Field(ConnectorKind.API, title="Region", description="Where it runs.")
    retries: int | None = Field(None, ge=0, title="Retries", description="How often.")
    products: tuple[str, ...] = Field((), title="Products", description="Only these.")


class Secrets(ConnectorSecrets):
    key: SecretStr = Field(title="Key", description="Made on the API page.")


class Source:
    def test(self) -> None: ...

    def read(self, now: datetime) -> Reading:
        return Reading(portal="P", taken_at=now, lines=())


def manifest(**changes: object) -> Manifest:
    values: dict[str, object] = {
        "slug": "sample",
        "name": "Sample",
        "kind": ConnectorKind.API,
        "counts": T("Seats"),
        "connect": lambda *_: Source(),
        "settings": Settings,
        "secrets": Secrets,
    }
    return Manifest(**{**values, **changes})  # type: ignore[arg-type]


def test_s1_25_the_universal_import_is_found_and_says_what_it_counts() -> None:
    connector = Registry().get("file")
    assert connector.kind is ConnectorKind.UNIVERSAL
    assert str(connector.counts)
    assert connector in Registry().all()


def test_an_unknown_connector_is_told_with_those_that_exist() -> None:
    with pytest.raises(SettingsError, match=r"no connector duoo.*file"):
        Registry().get("duoo")


def test_a_file_portal_is_never_read_as_empty() -> None:
    source = Registry().get("file").open("Antivirus", {}, {})
    with pytest.raises(SettingsError, match="nothing to fetch"):
        source.read(datetime.now(UTC))


def test_wrong_settings_are_all_named_and_no_secret_is_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        manifest().open("P", {"region": "moon", "retries": -1, "nope": 1}, {"key": "hush"})
    text = str(caught.value)
    assert all(name in text for name in ("tenant", "region", "retries", "nope"))
    with pytest.raises(SettingsError) as caught:
        manifest().open("P", {"tenant": "t"}, {"keys": "hush"})
    assert "hush" not in str(caught.value)
    assert "key" in str(caught.value)


def test_right_settings_give_a_source() -> None:
    source = manifest().open("P", {"tenant": "t"}, {"key": "hush"})
    assert source.read(datetime.now(UTC)).complete


def test_the_form_is_drawn_from_the_models() -> None:
    fields = {field.name: field for field in (*form_of(Settings), *form_of(Secrets))}
    assert [(n, f.kind, f.required) for n, f in fields.items()] == [
        ("base_url", "text", False),
        ("auth_url", "text", False),
        ("tenant", "text", True),
        ("region", "choice", False),
        ("retries", "number", False),
        ("products", "list", False),
        ("key", "secret", True),
    ]
    assert fields["region"].choices == ("api", "universal")
    assert fields["key"].help == "Made on the API page."


@pytest.mark.parametrize("changes", [{"slug": "Bad Slug"}, {"secrets": Settings}])
def test_a_manifest_that_would_mislead_cannot_be_made(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"slug|SecretStr"):
        manifest(**changes)


def test_a_value_of_no_fitting_kind_is_told_once() -> None:
    settings = Registry().get("file").settings
    assert [p.path for p in problems(settings, {"customer": {"const": "x"}, "shape": "lng"})] == [
        "customer",
        "shape",
    ] or [p.path for p in problems(settings, {"customer": {"const": "x"}, "shape": "lng"})] == ["shape", "customer"]
