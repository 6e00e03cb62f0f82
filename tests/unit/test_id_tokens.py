"""ID tokens: whatever is written in their place is refused in words, and only a provider's own keys are used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey

from connectors._openid.id_token import Expected, keys_of, verified
from connectors._openid.provider import challenge_of
from core.domain.errors import PersonError
from core.domain.identity import groups_of
from tests.looking import tries

NOW = 1_800_000_000
EXPECTED = Expected("https://login.example.com", "us", "once", NOW, None)
CLAIMS = {"iss": EXPECTED.issuer, "sub": "1", "aud": "us", "nonce": "once", "exp": NOW + 60, "iat": NOW}
RSA, EC, SECRET = RSAKey.generate_key(2048), ECKey.generate_key("P-256"), OctKey.import_key("x" * 32)
RSA_JSON = RSA.as_dict(private=False) | {"kid": "r", "use": "sig"}
EC_JSON = EC.as_dict(private=False) | {"kid": "e"}
KEYS = keys_of({"keys": [RSA_JSON, EC_JSON]})


def token(key: RSAKey | ECKey | OctKey = RSA, alg: str = "RS256", kid: str | None = "r", **claims: object) -> str:
    header = {"alg": alg} | ({"kid": kid} if kid else {})
    return jwt.encode(header, CLAIMS | claims, key)


def test_good_tokens_are_read() -> None:
    assert verified(token(), KEYS, EXPECTED)["sub"] == "1"
    assert verified(token(EC, "ES256", "e"), KEYS, EXPECTED)["sub"] == "1"
    assert verified(token(kid=None), keys_of({"keys": [RSA_JSON]}), EXPECTED)["sub"] == "1"
    assert verified(token(aud=["us", "them"], azp="us"), KEYS, EXPECTED)["sub"] == "1"


@pytest.mark.parametrize(
    "wrong",
    [
        token(kid=None), token(EC, "ES256", "r"), token(SECRET, "HS256", "r"), token(aud=["us", "them"]), token(sub=1), token(sub=""),
        token(sub="x" * 256), token(exp="soon"), token(exp=True), token(nbf=NOW + 999), "", "a.b.c", "..", token()[:-4] + "AAAA",
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_words(wrong: str) -> None:
    with pytest.raises(PersonError) as caught:
        verified(wrong, KEYS, EXPECTED)
    assert caught.value.kind == "openid"


@tries(60)
@given(st.text(max_size=80) | st.binary(max_size=60).map(lambda raw: f"eyJhbGciOiJSUzI1NiJ9.{raw.hex()}.AA"))
def test_any_text_is_no_token(text: str) -> None:
    with pytest.raises(PersonError):
        verified(text, KEYS, EXPECTED)
    assert not KEYS.has(text)


@tries(60)
@given(
    st.dictionaries(
        st.sampled_from(["kty", "use", "kid", "n", "e", "x", "y", "crv", "k"]), st.text(max_size=9) | st.integers()
    )
)
def test_keys_that_cannot_be_used_are_left_out(entry: dict[str, object]) -> None:
    known = keys_of({"keys": [entry, RSA_JSON, "x", None]})
    assert verified(token(), known, EXPECTED)["sub"] == "1"
    assert keys_of({"keys": "x"}).nameless == ()


def test_a_key_for_encrypting_or_a_shared_one_signs_nothing() -> None:
    shared = SECRET.as_dict(private=True) | {"kid": "r"}
    known = keys_of({"keys": [shared, RSA_JSON | {"use": "enc"}]})
    assert known.named == {}


@pytest.mark.parametrize(
    ("claims", "groups"),
    [
        ({"groups": ["a", 1, None, "b"]}, {"a", "b"}),
        ({"roles": "Admin"}, {"Admin"}),
        ({"cognito:groups": ["c"], "groups": ["a"]}, {"a", "c"}),
        ({"groups": {"a": 1}}, set()),
        ({"hasgroups": False}, set()),
        ({"roles": ["Admin"], "_claim_names": {"groups": "src1"}}, {"Admin"}),
    ],
)
def test_groups_and_roles_are_read_as_providers_write_them(claims: dict[str, object], groups: set[str]) -> None:
    assert groups_of(claims, "cognito:groups") == groups


@pytest.mark.parametrize("claims", [{"_claim_names": {"groups": "src1"}}, {"hasgroups": "true"}, {"hasgroups": True}])
def test_groups_that_were_left_out_are_not_taken_for_none(claims: dict[str, object]) -> None:
    with pytest.raises(PersonError) as caught:
        groups_of(claims)
    assert caught.value.kind == "group_overage"


def test_the_challenge_is_that_of_rfc_7636_appendix_b() -> None:
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
