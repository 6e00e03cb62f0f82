"""What was done, in the words of people: the audit itself keeps `noun.verb`."""

from __future__ import annotations

from pages._ui.formats import tr


def what(event: str) -> str:
    """`person.signed_in` as `Person: signed in`. A word that is not known stays as it is."""
    noun, _, verb = event.partition(".")
    if not verb:
        return event
    return f"{_nouns().get(noun, noun)}: {_verbs().get(verb, verb)}"


def who(name: str) -> str:
    """A person; what nobody asked for was done by the system."""
    return tr("system") if name == "system" else name


def _nouns() -> dict[str, str]:
    return {
        "alert": tr("Alert"), "alert_rule": tr("Alert rule"), "autotask": "Autotask", "backup": tr("Back-up"),
        "change": tr("Contract line"), "channel": tr("Channel"), "charge": tr("Charge"), "charge_settings": tr("Charge settings"),
        "charges": tr("Charges"), "consumption": tr("Consumption"), "contract": tr("Contract"), "database": tr("Database"),
        "invoice": tr("Invoice check"), "invoice_settings": tr("Invoice check"), "mapping": tr("Mapping"),
        "message": tr("Message"), "month": tr("Month end"), "network": tr("Network"), "openid": tr("Company account"),
        "person": tr("Person"), "portal": tr("Portal"), "run": tr("Run"), "secret_key": tr("Secret key"),
        "settings": tr("Settings"), "statement": tr("Licence statement"), "subscription": tr("Subscription"),
        "upload": tr("File"), "webhook": tr("Webhook"), "workspace": tr("Workspace"),
    }  # fmt: skip


def _verbs() -> dict[str, str]:
    return {
        "accepted": tr("accepted"), "added": tr("added"), "address_made": tr("address made"),
        "address_rotated": tr("new address"), "allowed_hosts": tr("allowed hosts"), "appeared": tr("told by the environment"),
        "approved": tr("approved"), "archived": tr("removed"), "body_shown": tr("content looked at"),
        "brought": tr("brought"), "changed": tr("changed"), "charges_reversal_proposed": tr("reversal of charges proposed"),
        "checked": tr("checked"), "confirmed": tr("confirmed"), "contract_policy": tr("contract policy"),
        "created": tr("made"), "credential_end": tr("end of the credentials"), "customer": tr("customer"),
        "customer_mapped": tr("customer linked"), "discarded": tr("thrown away"), "dismissed": tr("dismissed"),
        "failed": tr("failed"), "held": tr("held"), "line_choice": tr("contract line chosen"), "made": tr("made"),
        "moved": tr("moved"), "muted": tr("muted"), "offer_mapped": tr("product linked"), "old_removed": tr("old one removed"),
        "password_changed": tr("password changed"), "product": tr("product"), "refused": tr("refused"),
        "rejected": tr("refused"), "rename": tr("rename"), "removed": tr("removed"), "replayed": tr("worked on again"),
        "requested": tr("asked for"), "restored": tr("put back"), "reversal_proposed": tr("reversal proposed"),
        "rule": tr("rule"), "saved": tr("changed"), "scheduled": tr("scheduled"), "secret_rotated": tr("new secret"),
        "seen": tr("seen"), "sent_again": tr("sent again"), "session_ended": tr("session ended"),
        "settled": tr("settled"), "signed": tr("signed"), "signed_in": tr("signed in"), "signed_out": tr("signed out"),
        "signed_out_everywhere": tr("signed out everywhere"), "switched": tr("switched on or off"),
        "switched_off": tr("switched off"), "switched_on": tr("switched on"), "tested": tr("tested"),
        "triggered": tr("placing on the contract asked for"), "unmuted": tr("no longer muted"),
        "withdrawn": tr("decision withdrawn"),
    }  # fmt: skip
