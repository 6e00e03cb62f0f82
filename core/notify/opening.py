"""The kinds of channels there are: what each is set up with, and how one is opened."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from core.domain.errors import SettingsError
from core.domain.notice import Channel, ChannelSpec
from core.domain.posting import Post
from core.domain.text import T
from core.domain.validation import checked
from core.notify.graph import GraphChannel, GraphSettings
from core.notify.smtp import OAUTH_SCOPE, SmtpChannel, SmtpSettings
from core.notify.teams import TeamsChannel, TeamsSettings
from core.notify.tokens import ClientCredentials
from core.notify.wording import Wording


class SmtpSecrets(BaseModel):
    """Of one mailbox: a password, or with OAuth a client secret."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    password: SecretStr | None = Field(None, title="Password", description="Of the mailbox that signs in.")
    client_secret: SecretStr | None = Field(
        None, title="Client secret", description="For OAuth: of the app registration."
    )


class GraphSecrets(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    client_secret: SecretStr = Field(title="Client secret", description="The value, not the id.")


class TeamsSecrets(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretStr = Field(
        title="Address of the flow",
        description="The whole address that the flow shows; whoever has it can post, so it is kept as a secret.",
    )


SETTINGS: dict[str, type[BaseModel]] = {"smtp": SmtpSettings, "graph": GraphSettings, "teams": TeamsSettings}
SECRETS: dict[str, type[BaseModel]] = {"smtp": SmtpSecrets, "graph": GraphSecrets, "teams": TeamsSecrets}


def open_channel(spec: ChannelSpec, post: Post, now: Callable[[], datetime]) -> Channel:
    """A channel of the spec's kind. Raises SettingsError for settings that are not right."""
    words = Wording(spec.language, spec.locale or None, spec.zone)
    secrets = dict(spec.secrets)
    match checked(SETTINGS[spec.kind], spec.settings, spec.kind):
        case SmtpSettings() as smtp:
            return SmtpChannel(smtp, spec.recipients, words, secret=_secret_of(smtp, secrets, post), now=now)
        case GraphSettings() as graph:
            secret = secrets.get("client_secret", "")
            return GraphChannel(graph, spec.recipients, words, post=post, client_secret=secret)
        case TeamsSettings() as teams:
            return TeamsChannel(teams, secrets.get("url", ""), post, words)
    raise SettingsError(T("There is no kind of channel {kind}.", kind=spec.kind), kind="unknown_channel")


def _secret_of(settings: SmtpSettings, secrets: dict[str, str], post: Post) -> Callable[[], str]:
    if settings.sign_in == "oauth":
        client_secret = secrets.get("client_secret", "")
        return ClientCredentials(post, settings.token_url, settings.client_id, client_secret, OAUTH_SCOPE).token
    return lambda: secrets.get("password", "")
