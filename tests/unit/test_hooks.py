"""Incoming webhooks, the rules: the vectors of every signature scheme, time, idempotency and the builder."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core.domain.hooks import (
    Delivered,
    Scheme,
    Verification,
    body_hash,
    check_secret,
    comes_from,
    delivery_id,
    idempotency_key,
    is_genuine,
)

BODY = b'{"customers":[{"id":"C-001","products":[{"sku":"M365-BP","quantity":25}]}]}'
STANDARD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SHARED = "example-shared-secret-0123456789"
NOW = datetime.fromtimestamp(1_760_000_000, UTC)
STANDARD, HEX, B64 = Verification(), Verification(scheme=Scheme.HMAC_HEX), Verification(scheme=Scheme.HMAC_BASE64)
STRIPE, SLACK = Verification(scheme=Scheme.STRIPE), Verification(scheme=Scheme.SLACK)


def sent(headers: dict[str, str], body: bytes = BODY, **more: str) -> Delivered:
    return Delivered("POST", more.get("url", "/hooks/x"), {k.lower(): v for k, v in headers.items()}, body)


def standard(message: str, moment: int, signature: str, family: str = "webhook") -> dict[str, str]:
    return {f"{family}-id": message, f"{family}-timestamp": str(moment), f"{family}-signature": signature}


def genuine(verification: Verification, secret: str, delivered: Delivered, now: datetime = NOW) -> bool:
    return is_genuine(verification, [secret], delivered, now)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


PUBLISHED = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330)
V = {
    1: "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    2: "v1,Vif40peJBP7Iyl0XGmu61n4MwdrcHov5CFREBpE0svs=",
    3: "v1,l6C9/1+N/lSU6+gfh+YEGqTK2aQ+k8nMEWDvvCgHh7U=",
    4: "v1,ELhqG0Ku1gwOc1f4jyKdp3SFGFLAOdJ9bvpWLciCakI=",
    11: "v1,cDFM3ivQlxqkiFi7ZDAsUjST1zeT50FkzGxLMLJW8a4=",
    12: "v1,PfZ6JNye9z4IP8Zs3uBxn8NtfOd0xWISNDDml4wu3Ms=",
}
TEST = b'{"test": 2432232314}'


@pytest.mark.parametrize(
    ("message", "moment", "signature", "body", "good"),
    [
        (*PUBLISHED, V[1], TEST, True),
        (*PUBLISHED, V[2], TEST, False),
        (*PUBLISHED, V[2], TEST.replace(b" ", b""), True),
        (PUBLISHED[0], PUBLISHED[1] + 1, V[3], TEST, True),
        (*PUBLISHED, V[4], TEST, False),
        ("evt_0001", 1760000000, V[11], BODY, True),
        ("evt_0002", 1760000000, V[12], b"", True),
        ("evt_0001", 1760000000, "v2,xxx v1,AAAA " + V[11], BODY, True),
        ("evt_0001", 1760000000, "v1,", BODY, False),
        ("evt_0001", 1760000000, "", BODY, False),
        ("evt_0001", 1760000000, V[11].replace("v1,", "v2,"), BODY, False),
        ("evt_0009", 1760000000, V[11], BODY, False),
    ],
)
def test_standard_webhooks_vectors(message: str, moment: int, signature: str, body: bytes, good: bool) -> None:
    for family in ("webhook", "svix"):
        delivered = sent(standard(message, moment, signature, family), body)
        assert genuine(STANDARD, STANDARD_SECRET, delivered, at(moment)) is good


@pytest.mark.parametrize(("shift", "good"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_a_signed_time_may_be_five_minutes_off(shift: int, good: bool) -> None:
    now = at(1760000000 + shift)
    stripe = "t=1760000000,v1=3b7fd65a239175850e3f0ce4089ef02cf43d00f9e251235fa2bf0216ebfa5767"
    slack = {
        "X-Slack-Request-Timestamp": "1760000000",
        "X-Slack-Signature": "v0=b552293a82552e86ae8a0d9a4e3f90406a427259e05c1c16e68d0a254ff280fa",
    }
    assert genuine(STANDARD, STANDARD_SECRET, sent(standard("evt_0001", 1760000000, V[11])), now) is good
    assert genuine(STRIPE, SHARED, sent({"Stripe-Signature": stripe}), now) is good
    assert genuine(SLACK, SHARED, sent(slack), now) is good


HELLO = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
SEVENTH = "3ca2b763d1a5aad7d8e09de5f94612ae7040bae0c1a773e2a20ba54690552e31"
RFC4231 = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


@pytest.mark.parametrize(
    ("secret", "body", "value", "good"),
    [
        ("It's a Secret to Everybody", b"Hello, World!", f"sha256={HELLO}", True),
        ("Jefe", b"what do ya want for nothing?", RFC4231, True),
        (SHARED, BODY, f"sha256={SEVENTH}", True),
        (SHARED, BODY, SEVENTH.upper(), True),
        (SHARED, BODY, f"SHA256={SEVENTH.upper()}", True),
        (SHARED, BODY, f"sha256={HELLO}, sha256={SEVENTH}", True),
        (SHARED, BODY + b" ", f"sha256={SEVENTH}", False),
        (SHARED, BODY, f"sha1={SEVENTH}", False),
        (SHARED, BODY, "zz", False),
        (SHARED, BODY, "", False),
        ("", BODY, f"sha256={SEVENTH}", False),
    ],
)
def test_body_hmac_in_hex(secret: str, body: bytes, value: str, good: bool) -> None:
    assert genuine(HEX, secret, sent({"x-hub-signature-256": value}, body)) is good
    named = Verification(scheme=Scheme.HMAC_HEX, header="X-Any-Name")
    assert genuine(named, secret, sent({"X-ANY-NAME": value}, body)) is good


def test_body_hmac_in_base64() -> None:
    value = "PKK3Y9GlqtfY4J3l+UYSrnBAuuDBp3PiogulRpBVLjE="
    assert genuine(B64, SHARED, sent({"X-Shopify-Hmac-Sha256": value}))
    assert not genuine(B64, SHARED, sent({"X-Shopify-Hmac-Sha256": value[:-2]}))
    assert not genuine(B64, SHARED + "x", sent({"X-Shopify-Hmac-Sha256": value}))


def test_stripe_takes_one_of_several_signatures_and_one_time_only() -> None:
    right = "3b7fd65a239175850e3f0ce4089ef02cf43d00f9e251235fa2bf0216ebfa5767"
    assert genuine(STRIPE, SHARED, sent({"stripe-signature": f"t=1760000000,v1=00,v0=zz,v1={right}"}))
    assert not genuine(STRIPE, SHARED, sent({"stripe-signature": f"t=1760000000,v0={right}"}))
    assert not genuine(STRIPE, SHARED, sent({"stripe-signature": f"t=1760000000,t=1760000001,v1={right}"}))
    assert not genuine(STRIPE, SHARED, sent({"stripe-signature": f"v1={right}"}))


def test_bearer_any_header_and_basic() -> None:
    bearer, key = Verification(scheme=Scheme.HEADER), Verification(scheme=Scheme.HEADER, header="X-Api-Key")
    basic = Verification(scheme=Scheme.BASIC, user="svc-license")
    told = base64.b64encode(b"svc-license:p@ss:word").decode()
    assert genuine(bearer, SHARED, sent({"Authorization": f"Bearer {SHARED}"}))
    assert not genuine(bearer, SHARED, sent({"Authorization": f"Bearer {SHARED}x"}))
    assert not genuine(bearer, SHARED, sent({}))
    assert genuine(key, SHARED, sent({"x-api-key": SHARED}))
    assert genuine(basic, "p@ss:word", sent({"Authorization": f"Basic {told}"}))
    assert not genuine(basic, "p@ss:word", sent({"Authorization": f"Bearer {told}"}))
    assert not genuine(basic, "p@ss", sent({"Authorization": f"Basic {told}"}))


def test_the_address_alone_is_possible_with_a_warning() -> None:
    alone = Verification(scheme=Scheme.URL_ONLY)
    assert genuine(alone, "", sent({}))
    assert alone.warnings
    assert not STANDARD.warnings


@pytest.mark.parametrize(("algorithm", "encoding"), [("sha256", "hex"), ("sha512", "base64"), ("sha1", "hex")])
def test_the_builder_signs_what_its_text_says(algorithm: str, encoding: str) -> None:
    built = Verification(
        scheme=Scheme.CUSTOM, header="X-Sig", prefix="sig=", algorithm=algorithm, encoding=encoding,
        template="{method}|{url}|{id}|{timestamp}|{body}", timestamp_header="X-Time", id_header="X-Id",
    )  # fmt: skip
    signed = b"POST|/hooks/x?a=1|e1|1760000000|" + BODY
    digest = hmac.new(SHARED.encode(), signed, algorithm).digest()
    value = digest.hex() if encoding == "hex" else base64.b64encode(digest).decode()
    headers = {"x-sig": f"sig={value}", "x-time": "1760000000", "x-id": "e1"}
    assert genuine(built, SHARED, sent(headers, url="/hooks/x?a=1"))
    assert not genuine(built, SHARED, sent(headers, url="/hooks/x?a=2"))
    assert not genuine(built, SHARED, sent(headers | {"x-id": "e2"}, url="/hooks/x?a=1"))
    assert not genuine(built, SHARED, sent(headers, url="/hooks/x?a=1"), at(1760000301))
    assert bool(built.warnings) is (algorithm == "sha1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"scheme": "custom"},
        {"scheme": "custom", "header": "X-Sig", "template": "{timestamp}"},
        {"scheme": "custom", "header": "X-Sig", "template": "{body}{secret}"},
        {"scheme": "custom", "header": "X-Sig", "template": "{timestamp}.{body}"},
        {"scheme": "custom", "header": "X Sig:"},
        {"scheme": "basic"},
        {"scheme": "basic", "user": "a:b"},
        {"scheme": "rot13"},
    ],
)
def test_a_way_of_checking_that_cannot_be_is_refused_when_it_is_saved(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Verification.model_validate(wrong)


def test_ed25519_signatures_of_standard_webhooks() -> None:
    private = Ed25519PrivateKey.generate()
    public = "whpk_" + base64.b64encode(private.public_key().public_bytes_raw()).decode()
    signature = base64.b64encode(private.sign(b"evt_1.1760000000." + BODY)).decode()
    assert genuine(STANDARD, public, sent(standard("evt_1", 1760000000, f"v1,AAAA v1a,{signature}")))
    assert not genuine(STANDARD, public, sent(standard("evt_1", 1760000000, f"v1,{signature}")))
    assert not genuine(STANDARD, public, sent(standard("evt_2", 1760000000, f"v1a,{signature}")))
    assert check_secret(STANDARD, public) is None


def test_two_secrets_count_while_one_replaces_the_other() -> None:
    delivered = sent(standard("evt_0001", 1760000000, V[11]))
    other = "whsec_" + base64.b64encode(b"x" * 32).decode()
    assert is_genuine(STANDARD, [other, STANDARD_SECRET], delivered, NOW)
    assert is_genuine(STANDARD, [STANDARD_SECRET, other], delivered, NOW)
    assert not is_genuine(STANDARD, [other], delivered, NOW)
    assert not is_genuine(STANDARD, [], delivered, NOW)


def test_secrets_are_checked_when_they_are_saved() -> None:
    assert check_secret(STANDARD, STANDARD_SECRET) is None
    for wrong in ("", "whsec_short", "whsec_" + "A" * 8, "whpk_AAAA", "whsec_***"):
        assert check_secret(STANDARD, wrong) is not None
    assert check_secret(HEX, "short") is not None
    assert check_secret(HEX, SHARED) is None
    assert check_secret(Verification(scheme=Scheme.URL_ONLY), "") is None


@pytest.mark.parametrize(
    ("networks", "address", "good"),
    [
        ((), "anything", True),
        (("203.0.113.0/24",), "203.0.113.9", True),
        (("203.0.113.0/24",), "203.0.114.9", False),
        (("203.0.113.0/24",), "::ffff:203.0.113.9", True),
        (("2001:db8::/32", "10.0.0.1"), "2001:db8::7", True),
        (("10.0.0.1",), "", False),
    ],
)
def test_senders_may_be_bound_to_addresses(networks: tuple[str, ...], address: str, good: bool) -> None:
    assert comes_from(networks, address) is good


def test_a_delivery_is_recognised_by_its_id_or_else_by_its_body_and_day() -> None:
    assert body_hash(BODY) == "f017b338910af1f92f5f625bd7682ce30b864a830dd73429351d541fb4ab6e7a"
    assert delivery_id(STANDARD, {"x-request-id": "r", "webhook-id": "w"}) == "w"
    assert delivery_id(Verification(id_header="X-Mine"), {"x-mine": "m", "webhook-id": "w"}) == "m"
    assert delivery_id(STANDARD, {}) == ""
    assert idempotency_key("w", "a", NOW) == idempotency_key("w", "b", at(1))
    assert idempotency_key("", "a", NOW) != idempotency_key("", "a", at(1760000000 + 86_400))
    assert idempotency_key("", "a", NOW) != idempotency_key("a", "a", NOW)


@given(st.binary(max_size=200), st.binary(max_size=200), st.text(min_size=8, max_size=20))
def test_only_the_very_same_bytes_verify(body: bytes, other: bytes, secret: str) -> None:
    value = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    assert genuine(HEX, secret, sent({"x-hub-signature-256": value}, body))
    assert genuine(HEX, secret, sent({"x-hub-signature-256": value}, other)) is (other == body)


@given(st.text(max_size=40), st.sampled_from([s for s in Scheme if s not in (Scheme.CUSTOM, Scheme.URL_ONLY)]))
def test_no_header_breaks_the_check(value: str, scheme: Scheme) -> None:
    checking = Verification(scheme=scheme, user="u")
    headers = {
        checking.signed_in: value,
        "webhook-id": value,
        "webhook-timestamp": value,
        "x-slack-request-timestamp": value,
    }
    assert genuine(checking, STANDARD_SECRET, sent(headers)) is False
