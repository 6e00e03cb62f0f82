"""How a sender shows who it is: the ways of signing in words, with the fields that each of them needs."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.domain.hooks import HEADERS, Scheme, Verification
from core.services import webhooks
from pages._ui.formats import escape, tr
from pages._ui.secret_input import secret_input


def scheme_words() -> dict[Scheme, str]:
    return {
        Scheme.STANDARD: tr("Standard Webhooks (webhook-signature, Svix)"),
        Scheme.HMAC_HEX: tr("Signature of the body in hex (GitHub and many others)"),
        Scheme.HMAC_BASE64: tr("Signature of the body in Base64 (Shopify and others)"),
        Scheme.STRIPE: tr("Signature with time in one header (Stripe style)"),
        Scheme.SLACK: tr("Signature with time in two headers (Slack style)"),
        Scheme.HEADER: tr("A key in a header (bearer, n8n, Power Automate, scripts)"),
        Scheme.BASIC: tr("User name and password (basic)"),
        Scheme.CUSTOM: tr("Another signature, put together here"),
        Scheme.URL_ONLY: tr("Only the secret address"),
    }


def draw(stored: Mapping[str, object], key: str, *, secret_set: bool) -> tuple[dict[str, object], str]:
    """The verification as settings, and a secret that was typed (empty to keep the stored one)."""
    known = Verification.model_validate(stored) if stored else Verification()
    names = scheme_words()
    scheme = st.selectbox(
        tr("How does the sender sign?"), list(names), index=list(names).index(known.scheme),
        format_func=lambda one: names[one], key=f"{key}_scheme",
    )  # fmt: skip
    entered: dict[str, object] = {"scheme": scheme.value}
    entered |= _fields(scheme, known if known.scheme is scheme else Verification(), key)
    for warning in _warnings(scheme, entered):
        st.warning(warning, icon=":material/warning:")
    secret = "" if scheme is Scheme.URL_ONLY else _secret(scheme, key, secret_set=secret_set)
    return {name: value for name, value in entered.items() if value not in ("", None)}, secret


def _fields(scheme: Scheme, known: Verification, key: str) -> dict[str, object]:
    if scheme in (Scheme.HMAC_HEX, Scheme.HMAC_BASE64, Scheme.HEADER):
        header = st.text_input(
            tr("Header"), known.header, key=f"{key}_header", placeholder=HEADERS[scheme], max_chars=64,
            help=tr("Name of the header with the signature or key. Empty: the usual one."),
        )  # fmt: skip
        return {"header": header.strip()}
    if scheme is Scheme.BASIC:
        return {"user": st.text_input(tr("User name"), known.user, key=f"{key}_user", max_chars=100).strip()}
    return _builder(known, key) if scheme is Scheme.CUSTOM else {}


def _builder(known: Verification, key: str) -> dict[str, object]:
    left, right = st.columns(2, gap="medium")
    with left:
        header = st.text_input(tr("Header of the signature"), known.header, key=f"{key}_b_header", max_chars=64)
        algorithms = ["sha256", "sha512", "sha1"]
        algorithm = st.selectbox(
            tr("Algorithm"), algorithms, index=algorithms.index(known.algorithm), key=f"{key}_b_algorithm"
        )
        timestamp = st.text_input(
            tr("Header of the time"), known.timestamp_header, key=f"{key}_b_time", max_chars=64,
            help=tr("Seconds since 1970. Requests that are older or newer than five minutes are refused."),
        )  # fmt: skip
    with right:
        prefix = st.text_input(
            tr("Before the signature"), known.prefix, key=f"{key}_b_prefix", placeholder="sha256=", max_chars=40
        )
        encodings = ["hex", "base64"]
        encoding = st.selectbox(
            tr("Written as"), encodings, index=encodings.index(known.encoding), key=f"{key}_b_encoding"
        )
        named = st.text_input(tr("Header of the id"), known.id_header, key=f"{key}_b_id", max_chars=64)
    template = st.text_input(
        tr("Signed text"), known.template, key=f"{key}_b_template", max_chars=200,
        help=tr("Put together from {places}.", places="{body}, {timestamp}, {id}, {url}, {method}"),
    )  # fmt: skip
    return {
        "header": header.strip(), "algorithm": algorithm, "timestamp_header": timestamp.strip(), "prefix": prefix,
        "encoding": encoding, "id_header": named.strip(), "template": template,
    }  # fmt: skip


def _warnings(scheme: Scheme, entered: Mapping[str, object]) -> list[str]:
    weak = Verification.model_construct(scheme=scheme, algorithm=entered.get("algorithm", "sha256"))
    return [tr(warning) for warning in weak.warnings]


def _secret(scheme: Scheme, key: str, *, secret_set: bool) -> str:
    if f"{key}_made" in st.session_state:
        st.session_state[f"{key}_secret"] = st.session_state.pop(f"{key}_made")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        secret = secret_input(
            tr("Password") if scheme is Scheme.BASIC else tr("Secret"), key=f"{key}_secret",
            placeholder=tr("Stored; type to replace") if secret_set else "",
        )  # fmt: skip
        if st.button(tr("Make one"), key=f"{key}_make", icon=":material/key:"):
            st.session_state[f"{key}_made"] = webhooks.new_secret()
            st.session_state[f"{key}_shown"] = True
            st.rerun()
    if secret and st.session_state.get(f"{key}_shown"):
        st.caption(escape(tr("Give this secret to the sender. It is not shown again once it is saved.")))
        st.code(secret, language=None, wrap_lines=True)
    return secret.strip()
