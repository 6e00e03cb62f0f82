"""The site of `tests.oidc_provider`: imported by Django, once it is configured."""

from __future__ import annotations

import json
from typing import Any

from django.contrib.auth.views import LoginView
from django.urls import include, path
from jwcrypto import jwt
from oauth2_provider.oauth2_validators import OAuth2Validator

from tests.oidc_provider import CURRENT

urlpatterns = [
    path("login/", LoginView.as_view()),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
]


class Validator(OAuth2Validator):
    """As it comes, with the claims of the test's people; and ID tokens that are made wrong where the test wants it."""

    oidc_claim_scope = None

    def get_additional_claims(self, request: Any) -> dict[str, Any]:
        return CURRENT[-1].claims.get(request.user.username, {})

    def finalize_id_token(self, id_token: dict[str, Any], token: Any, token_handler: Any, request: Any) -> str:
        right = super().finalize_id_token(id_token, token, token_handler, request)
        spoil = CURRENT[-1].spoil
        if spoil is None:
            return str(right)
        signed = jwt.JWT(jwt=right, key=request.client.jwk_key)
        header, claims = json.loads(signed.header), json.loads(signed.claims)
        instead = spoil(header, claims)
        if instead is not None:
            return instead
        wrong = jwt.JWT(header=header, claims=claims)
        wrong.make_signed_token(request.client.jwk_key)
        return str(wrong.serialize())
