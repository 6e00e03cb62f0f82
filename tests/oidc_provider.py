"""An identity provider on loopback: Django OAuth Toolkit, as companies run it, with people, groups and clients of the test.

It gives codes with PKCE, ID tokens, refresh tokens that are replaced at each use (an old one used again ends the family), keys
that are changed, user information and signing out at the provider. Its sign-in page is an ordinary form (`username`,
`password`). One provider a process: Django is configured once.

    with running() as provider:
        client = provider.add_client("http://127.0.0.1:8501/auth/openid/done")
        provider.add_person("sanne", "pass phrase", groups=["msp-admins"])
        ... provider.issuer, client.id, client.secret
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import ThreadingMixIn
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

LOGIN_PAGE = """<!doctype html><title>Company sign-in</title><h1>Company sign-in</h1>{{ form.errors }}
<form method="post">{% csrf_token %}<input type="hidden" name="next" value="{{ next }}">
<label>Name <input name="username"></label><label>Password <input name="password" type="password"></label>
<button type="submit">Sign in at the company</button></form>"""
LEAVE_PAGE = """<!doctype html><title>Sign out</title><h1>Sign out at the company?</h1>
<form method="post">{% csrf_token %}<button name="allow" value="1">Sign out at the company</button></form>"""
REFUSAL_PAGE = "<!doctype html><title>Refused</title><h1>{{ error.error }}</h1>{{ error.description }}"
APPS = ("auth", "contenttypes", "sessions", "oauth2_provider")

T = TypeVar("T")
Spoil = Callable[[dict[str, Any], dict[str, Any]], str | None]
"""Changes header and claims of an ID token before it is signed; a text it returns is sent instead of the token."""


@dataclass(frozen=True, slots=True)
class Client:
    """What a program that signs people in is known by."""

    id: str
    secret: str


@dataclass
class Provider:
    """`claims` are told of each person by name; `spoil` makes the next tokens wrong; `asked` are the paths with their query."""

    issuer: str
    claims: dict[str, dict[str, Any]] = field(default_factory=dict)
    spoil: Spoil | None = None
    asked: list[str] = field(default_factory=list)

    def add_person(self, name: str, password: str, groups: Sequence[str] | None = None, **claims: Any) -> None:
        """Somebody who can sign in; `groups` None leaves the claim out."""
        from django.contrib.auth import get_user_model

        _aside(lambda: get_user_model().objects.create_user(name, password=password))
        self.tell(name, groups, **claims)

    def tell(self, name: str, groups: Sequence[str] | None = None, **claims: Any) -> None:
        """What is told of a person from the next sign-in on."""
        told = {"preferred_username": name, "email": f"{name}@example.com", **claims}
        self.claims[name] = told if groups is None else told | {"groups": list(groups)}

    def subject(self, name: str) -> str:
        """The number that the provider knows a person by (`sub`)."""
        from django.contrib.auth import get_user_model

        return str(_aside(lambda: get_user_model().objects.get(username=name).pk))

    def add_client(self, *redirects: str, after_sign_out: Sequence[str] = ()) -> Client:
        """A confidential client for codes, signed with RS256, that needs no consent."""
        from oauth2_provider.models import get_application_model

        kind = get_application_model()
        application = kind(
            name="ContractBridge", redirect_uris=" ".join(redirects), post_logout_redirect_uris=" ".join(after_sign_out),
            client_type=kind.CLIENT_CONFIDENTIAL, authorization_grant_type=kind.GRANT_AUTHORIZATION_CODE,
            algorithm=kind.RS256_ALGORITHM, skip_authorization=True,
        )  # fmt: skip
        secret = application.client_secret
        _aside(application.save)
        return Client(application.client_id, secret)

    def forget_sessions(self) -> None:
        """Everybody has to sign in again at the provider."""
        from django.contrib.sessions.models import Session

        _aside(lambda: Session.objects.all().delete())

    def change_key(self, *, keep_old: bool = True) -> None:
        """Sign with a new key from now on; the old one is published further, or not."""
        _start_with(new_key(), keep_old=keep_old)


@contextmanager
def running() -> Iterator[Provider]:
    """A provider on a free port of loopback, with an empty database."""
    with TemporaryDirectory() as made:
        _configure(Path(made) / "provider.db")
        server = make_server("127.0.0.1", 0, _application(), server_class=_Server, handler_class=_Quiet)
        provider = Provider(f"http://127.0.0.1:{server.server_port}/o")
        CURRENT.append(provider)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        try:
            yield provider
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
            CURRENT.remove(provider)
            _aside(_close)


def new_key() -> str:
    """A private key for signing, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


CURRENT: list[Provider] = []
"""The one that is running; `tests.oidc_provider_site` looks at it."""
_ASIDE = ThreadPoolExecutor(1, thread_name_prefix="oidc-provider")


def _aside(work: Callable[[], T]) -> T:
    """In a thread of its own: Django refuses its database beside a running event loop, which a browser's test has."""
    return _ASIDE.submit(work).result()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        CURRENT[-1].asked.append(self.path)


def _configure(database: Path) -> None:
    """Django with an empty database; a second provider of the process gets another one."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.db import connections

    if settings.configured:
        _aside(connections.close_all)
        settings.DATABASES["default"]["NAME"] = connections["default"].settings_dict["NAME"] = str(database)
    else:
        settings.configure(**_settings(database))
        django.setup()
        logging.getLogger("django").setLevel(logging.CRITICAL)
    _start_with(new_key())

    def make_tables() -> None:
        connections["default"].settings_dict["NAME"] = str(database)
        call_command("migrate", run_syncdb=True, verbosity=0)

    _aside(make_tables)


def _start_with(key: str, *, keep_old: bool = False) -> None:
    from oauth2_provider.settings import oauth2_settings

    old = oauth2_settings.OIDC_RSA_PRIVATE_KEY
    oauth2_settings.OIDC_RSA_PRIVATE_KEYS_INACTIVE = [old] if keep_old else []
    oauth2_settings.OIDC_RSA_PRIVATE_KEY = key


def _application() -> Any:
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def _close() -> None:
    from django.db import connections

    connections.close_all()


def _settings(database: Path) -> dict[str, Any]:
    sqlite = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(database), "OPTIONS": {"timeout": 60}}
    pages = {
        "registration/login.html": LOGIN_PAGE,
        "oauth2_provider/logout_confirm.html": LEAVE_PAGE,
        "oauth2_provider/authorize.html": REFUSAL_PAGE,
    }
    loader = ("django.template.loaders.locmem.Loader", pages)
    return {
        "SECRET_KEY": "of the tests, long enough for everybody",
        "ALLOWED_HOSTS": ["127.0.0.1"],
        "ROOT_URLCONF": "tests.oidc_provider_site",
        "USE_TZ": True,
        "DATABASES": {"default": sqlite},
        "DEFAULT_AUTO_FIELD": "django.db.models.BigAutoField",
        "INSTALLED_APPS": [name if name in APPS[3:] else f"django.contrib.{name}" for name in APPS],
        "MIDDLEWARE": [
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        "MIGRATION_MODULES": dict.fromkeys(APPS),
        "PASSWORD_HASHERS": ["django.contrib.auth.hashers.MD5PasswordHasher"],
        "LOGIN_URL": "/login/",
        "SESSION_COOKIE_NAME": "provider_session",
        "CSRF_COOKIE_NAME": "provider_csrf",
        "TEMPLATES": [
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [loader], "context_processors": ["django.template.context_processors.request"]},
            }
        ],
        "LOGGING_CONFIG": None,
        "OAUTH2_PROVIDER": {
            "OIDC_ENABLED": True,
            "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
            "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False,
            "OAUTH2_VALIDATOR_CLASS": "tests.oidc_provider_site.Validator",
            "REFRESH_TOKEN_REUSE_PROTECTION": True,
            "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
            "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
            "SCOPES": {name: name for name in ("openid", "profile", "email", "groups", "offline_access", "read")},
        },
    }
