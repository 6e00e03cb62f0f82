"""Alerts: rules, what they raise, the channels it is told over, and the outbox between the two."""

from __future__ import annotations

from core.services.alerts.channels import (
    ChannelCard,
    channel_form,
    channels,
    public_url,
    remove_channel,
    save_channel,
    save_public_url,
    switch_channel,
    tell_appeared,
    test_channel,
)
from core.services.alerts.credentials import credential_ends, set_credential_end
from core.services.alerts.delivering import deliver
from core.services.alerts.evaluating import evaluate
from core.services.alerts.raised import AlertView, MessageView, alerts, counts, messages, mute_alert, send_again, tidy
from core.services.alerts.rules import mute_rule, products_of, remove_rule, rules, save_rule, switch_rule
from core.services.alerts.statements import queue_statements

__all__ = [
    "AlertView",
    "ChannelCard",
    "MessageView",
    "alerts",
    "channel_form",
    "channels",
    "counts",
    "credential_ends",
    "deliver",
    "evaluate",
    "messages",
    "mute_alert",
    "mute_rule",
    "products_of",
    "public_url",
    "queue_statements",
    "remove_channel",
    "remove_rule",
    "rules",
    "save_channel",
    "save_public_url",
    "save_rule",
    "send_again",
    "set_credential_end",
    "switch_channel",
    "switch_rule",
    "tell_appeared",
    "test_channel",
    "tidy",
]
