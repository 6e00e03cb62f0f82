"""`POST /hooks/…` on a real server: who gets in, what is answered, what becomes of it. C1 … C15 are the cases every receiver should pass."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from core.services import portals, webhooks
from core.services.access import SYSTEM
from core.store import webhooks as store
from tests.web.conftest import copy_of
from tests.web.hooks_server import AT, BODY, SECRET, SHARED, Receiver, event, serving, sign

GOOD = "v1,cDFM3ivQlxqkiFi7ZDAsUjST1zeT50FkzGxLMLJW8a4="
ELEVENTH = {"webhook-id": "evt_0001", "webhook-timestamp": str(AT), "webhook-signature": GOOD}


@pytest.fixture
def receiver(tmp_path: Path, template_home: Path) -> Iterator[Receiver]:
    app = copy_of(template_home, tmp_path)
    with serving(app) as found:
        found.portal()
        yield found
    app.close()


def test_c1_a_signed_event_is_stored_once(receiver: Receiver) -> None:
    answer = receiver.post(BODY, ELEVENTH)
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert receiver.quantities() == {("C-001", "M365-BP"): 25}
    assert receiver.work() == 0
    assert receiver.states() == ["applied"]


@pytest.mark.parametrize("seconds", [301, -301])
def test_c2_a_time_too_far_off_is_refused(receiver: Receiver, seconds: int) -> None:
    receiver.clock.move(seconds=seconds)
    answer = receiver.post(BODY, ELEVENTH)
    assert (answer.status_code, answer.json()) == (401, {"error": "unauthorized"})
    assert receiver.quantities() == {}


def test_c3_one_good_signature_of_several_is_enough(receiver: Receiver) -> None:
    listed = ELEVENTH | {"webhook-signature": f"v2,xxx v1,AAAA {GOOD}"}
    assert receiver.post(BODY, listed).status_code == 202


def test_c4_no_signature_and_an_empty_one_get_the_very_same_answer(receiver: Receiver) -> None:
    missing = {name: value for name, value in ELEVENTH.items() if name != "webhook-signature"}
    answers = [
        receiver.post(BODY, headers)
        for headers in ({}, missing, ELEVENTH | {"webhook-signature": "v1,"}, ELEVENTH | {"webhook-id": "other"})
    ]
    assert {(answer.status_code, answer.content) for answer in answers} == {(401, b'{"error": "unauthorized"}')}
    assert receiver.states() == ["refused"] * 4


def test_c5_hex_is_compared_as_bytes(receiver: Receiver) -> None:
    receiver.portal("Hex", SHARED, verification={"scheme": "hmac_hex"})
    value = hmac.new(SHARED.encode(), BODY, hashlib.sha256).hexdigest().upper()
    assert receiver.post(BODY, {"X-Hub-Signature-256": f"sha256={value}"}).status_code == 202


def test_c6_a_body_that_was_written_anew_is_refused(receiver: Receiver) -> None:
    assert receiver.post(BODY.replace(b":", b": "), ELEVENTH).status_code == 401


def test_c7_the_same_delivery_twice_has_one_effect(receiver: Receiver) -> None:
    first, second = receiver.post(BODY, ELEVENTH), receiver.post(BODY, ELEVENTH)
    assert (first.status_code, second.status_code) == (202, 200)
    assert second.json()["delivery"] == first.json()["delivery"]
    assert receiver.states() == ["applied"]
    assert receiver.post(BODY, ELEVENTH).status_code == 200
    assert receiver.quantities() == {("C-001", "M365-BP"): 25}


def test_c8_the_same_id_with_another_body_is_a_conflict(receiver: Receiver) -> None:
    assert receiver.signed(event(("C", "A", 1)), "evt").status_code == 202
    assert receiver.signed(event(("C", "A", 2)), "evt").status_code == 409
    assert receiver.quantities() == {("C", "A"): 1}


def test_c9_an_older_snapshot_after_a_newer_one_is_superseded(receiver: Receiver) -> None:
    newer = event(("C", "A", 11), complete=True, timestamp="2025-10-09T08:00:00Z")
    older = event(("C", "A", 10), complete=True, timestamp="2025-10-09T07:00:00Z")
    assert receiver.signed(newer).status_code == 202
    answer = receiver.signed(older)
    assert (answer.status_code, answer.json()["status"]) == (200, "superseded")
    assert receiver.quantities() == {("C", "A"): 11}
    assert receiver.signed(older).json()["status"] == "superseded"
    assert receiver.states() == ["applied", "superseded", "superseded"]


def test_c10_a_snapshot_that_is_not_complete_touches_only_what_it_names(receiver: Receiver) -> None:
    receiver.signed(event(("C", "A", 1), ("C", "B", 2), ("D", "A", 3), complete=True))
    receiver.work()
    receiver.clock.move(seconds=5)
    receiver.signed(event(("C", "A", 4), complete=False))
    assert receiver.quantities() == {("C", "A"): 4, ("C", "B"): 2, ("D", "A"): 3}
    receiver.clock.move(seconds=5)
    receiver.signed(event(("C", "A", 5), complete=True))
    assert receiver.quantities() == {("C", "A"): 5}


def test_c11_a_body_that_is_too_large_is_refused_before_all_of_it_was_sent(receiver: Receiver) -> None:
    assert receiver.signed(b'"' + b"x" * (6 * 1024 * 1024) + b'"').status_code == 413
    address = urlsplit(receiver.url)
    head = f"POST {receiver.address} HTTP/1.1\r\nHost: x\r\n"
    announced = f"{head}Content-Length: {10 * 1024 * 1024}\r\n\r\n".encode()
    streamed = f"{head}Transfer-Encoding: chunked\r\n\r\n".encode() + 88 * (b"10000\r\n" + b"x" * 65536 + b"\r\n")
    for beginning in (announced, streamed):
        with socket.create_connection((address.hostname or "", address.port or 0), 10) as line:
            line.sendall(beginning)  # and never the rest
            assert line.recv(4096).startswith(b"HTTP/1.1 413")
    assert receiver.states() == []


def test_c12_the_61st_request_of_a_minute_is_to_come_back_later(receiver: Receiver) -> None:
    codes = [receiver.signed(event(("C", "A", n))).status_code for n in range(60)]
    assert set(codes) == {202}
    refused = receiver.signed(event(("C", "A", 61)))
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    receiver.clock.move(seconds=60)
    assert receiver.signed(event(("C", "A", 61))).status_code == 202


def test_c13_both_secrets_count_until_the_rotation_ends(receiver: Receiver) -> None:
    fresh = webhooks.new_secret()
    webhooks.rotate_secret(receiver.context, SYSTEM, "Sender", fresh, keep_days=2)
    both = [receiver.signed(event(("C", "A", 1)), secret=secret).status_code for secret in (SECRET, fresh)]
    assert both == [202, 202]
    receiver.clock.move(days=2)
    later = [receiver.signed(event(("C", "A", 2)), secret=secret).status_code for secret in (SECRET, fresh)]
    assert later == [401, 202]


def test_c14_m2_one_bad_row_is_told_and_the_others_count(receiver: Receiver) -> None:
    receiver.signed(event(("C", "A", 1), ("C", "B", 2), ("D", "A", 3), ("E", "A", 9), complete=True))
    receiver.work()
    receiver.clock.move(seconds=1)
    answer = receiver.signed(event(("C", "A", "abc"), ("C", "B", 5), ("D", "A", 6), complete=True))
    assert answer.status_code == 202
    assert receiver.quantities() == {("C", "A"): 1, ("C", "B"): 5, ("D", "A"): 6}
    card = webhooks.hook_card(receiver.context, SYSTEM, "Sender")
    row = webhooks.deliveries(receiver.context, SYSTEM, "Sender")[0]
    assert (card.to_look_at, row.state, len(row.problems), row.lines) == (1, "partly", 1, 2)
    assert "abc" in str(row.problems[0])
    assert webhooks.mark_seen(receiver.context, SYSTEM, "Sender", [row.id]) == 1
    assert webhooks.hook_card(receiver.context, SYSTEM, "Sender").to_look_at == 0


def test_c15_a_broken_body_with_a_good_signature_is_told_and_kept(receiver: Receiver) -> None:
    broken = b'{"customers": ['
    assert receiver.signed(broken, "evt").status_code == 400
    assert receiver.signed(broken, "evt").status_code == 400
    assert receiver.states() == ["unreadable"]
    row = webhooks.deliveries(receiver.context, SYSTEM, "Sender")[0]
    assert webhooks.delivery_body(receiver.context, SYSTEM, "Sender", row.id) == broken
    assert receiver.signed(BODY, "evt").status_code == 202  # mended by the sender


def test_addresses_that_are_unknown_rotated_or_switched_off(receiver: Receiver) -> None:
    old = receiver.address
    assert receiver.post(BODY, address="/hooks/nothing").status_code == 404
    receiver.address = webhooks.make_address(receiver.context, SYSTEM, "Sender", rotate=True)
    assert receiver.post(BODY, ELEVENTH, address=old).status_code == 404
    webhooks.switch(receiver.context, SYSTEM, "Sender", on=False)
    assert receiver.post(BODY, ELEVENTH).status_code == 410
    webhooks.switch(receiver.context, SYSTEM, "Sender", on=True)
    assert receiver.post(BODY, ELEVENTH).status_code == 202
    portals.archive_portal(receiver.context, SYSTEM, "Sender")
    assert receiver.post(BODY, ELEVENTH).status_code == 404


def test_handshakes_and_probes(receiver: Receiver) -> None:
    browser = {"accept": "text/html"}
    assert receiver.client.get(receiver.address, headers=browser).status_code == 200
    assert receiver.client.head(receiver.address).status_code == 200
    assert receiver.client.get("/hooks/nothing", headers=browser).status_code == 404
    asked = receiver.client.post(receiver.address, params={"validationToken": "<b>a b</b>"})
    assert (asked.status_code, asked.text) == (200, "<b>a b</b>")
    assert asked.headers["content-type"].startswith("text/plain")
    assert asked.headers["x-content-type-options"] == "nosniff"
    challenge = b'{"type":"url_verification","challenge":"3eZbrw1a"}'
    assert receiver.signed(challenge).text == "3eZbrw1a"
    assert receiver.post(challenge).status_code == 401
    assert receiver.client.put(receiver.address).status_code == 405


def test_types_that_cannot_be_read_and_events_that_mean_nothing(receiver: Receiver) -> None:
    assert receiver.signed(b"<a/>", headers={"content-type": "application/xml"}).status_code == 415
    answer = receiver.signed({"type": "invoice.paid", "data": {}})
    assert (answer.status_code, answer.json()["status"]) == (202, "accepted, nothing to do")
    assert receiver.states() == ["ignored"]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json; charset=utf-8", b'\xef\xbb\xbf{"customer":"De Halm","product":"A","quantity":"3"}'),
        ("application/x-ndjson", b'{"customer":"De Halm","sku":"A","quantity":3}\n\n{"customer":"B","sku":"A","quantity":1}\n'),
        ("application/x-www-form-urlencoded", b"customer=De+Halm&product=A&quantity=3"),
        ("application/x-www-form-urlencoded", b"payload=%7B%22customer%22%3A%22De+Halm%22%2C%22sku%22%3A%22A%22%2C%22quantity%22%3A3%7D"),
        ("application/x-www-form-urlencoded", b'{"customer":"De Halm","sku":"A","quantity":3}'),
        ("text/csv", b"customer;sku;quantity\nDe Halm;A;3\nB;A;1\n"),
    ],
)  # fmt: skip
def test_bodies_of_all_kinds(receiver: Receiver, kind: str, body: bytes) -> None:
    assert receiver.signed(body, headers={"content-type": kind}).status_code == 202
    assert receiver.quantities()["De Halm", "A"] == 3


def test_a_mapping_of_ones_own_reads_another_shape(receiver: Receiver) -> None:
    mapping = {
        "records": "items", "customer_id": "org.id", "customer": "org.name", "product_key": "plan", "product": "plan",
        "quantity": "seats",
    }  # fmt: skip
    receiver.portal("Other", SECRET, mapping=mapping, time_path="sent")
    items = [
        {"org": {"id": 7, "name": "De Halm"}, "plan": "Pro", "seats": 12},
        {"org": {"id": 8, "name": "Smit"}, "plan": "Pro", "seats": "?"},
    ]
    assert receiver.signed({"sent": "2025-10-09T08:00:00Z", "items": items}).status_code == 202
    assert receiver.quantities() == {("7", "Pro"): 12}
    assert receiver.states("Other") == ["partly"]


def test_a_sender_may_be_bound_to_its_network(receiver: Receiver) -> None:
    receiver.portal("Bound", SECRET, allowed_networks=["203.0.113.0/24"])
    assert receiver.signed(BODY).content == b'{"error": "unauthorized"}'
    receiver.portal("Near", SECRET, allowed_networks=["127.0.0.0/8"])
    assert receiver.signed(BODY).status_code == 202


def test_bodies_are_kept_encrypted_for_30_days_and_keys_for_7(receiver: Receiver) -> None:
    from core.services import webhook_processing

    receiver.signed(event(("Geheim BV", "A", 1)), "evt")
    assert receiver.states() == ["applied"]
    with receiver.context.database.session() as session:
        kept = store.last(session, 1, 1)[0]
        sealed = store.get(session, kept.id)
    assert sealed is not None
    assert sealed.body is not None
    assert "Geheim" not in sealed.body
    receiver.clock.move(days=8)
    webhook_processing.tidy(receiver.context)
    assert receiver.signed(event(("Geheim BV", "A", 2)), "evt").status_code == 202
    receiver.clock.move(days=23)
    webhook_processing.tidy(receiver.context)
    old = webhooks.deliveries(receiver.context, SYSTEM, "Sender")[-1]
    assert (old.has_body, old.state) == (False, "applied")


def test_a_store_that_is_down_asks_to_come_back(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> object:
        raise OperationalError("insert", {}, Exception("down"))

    monkeypatch.setattr(store, "add_all", broken)
    answer = receiver.signed(BODY, "evt")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    monkeypatch.setattr(store, "by_keys", store.by_keys)
    monkeypatch.undo()
    assert receiver.signed(BODY, "evt").status_code == 202


def test_s1_58_200_events_in_a_moment_are_all_kept_in_order(receiver: Receiver) -> None:
    receiver.portal("Fast", SECRET, requests_per_minute=1000)
    senders = 4

    def send(sender: int) -> list[int]:
        with httpx.Client(base_url=receiver.url, timeout=20, trust_env=False) as client:
            codes = []
            for number in range(50):
                raw = f'{{"customers":[{{"id":"S{sender}","products":[{{"sku":"A","quantity":{number}}}]}}]}}'.encode()
                message = f"m{sender}-{number}"
                headers = {
                    "webhook-id": message, "webhook-timestamp": str(AT), "webhook-signature": sign(message, AT, raw),
                    "content-type": "application/json",
                }  # fmt: skip
                codes.append(client.post(receiver.address, content=raw, headers=headers).status_code)
            return codes

    with ThreadPoolExecutor(senders) as pool:
        codes = [code for found in pool.map(send, range(senders)) for code in found]
    assert codes == [202] * 200
    assert receiver.quantities() == {(f"S{sender}", "A"): 49 for sender in range(senders)}
    with receiver.context.database.session() as session:
        rows = store.last(session, 2, 1000)
    assert len(rows) == 200
    for sender in range(senders):
        mine = [row.named for row in reversed(rows) if row.named.startswith(f"m{sender}-")]
        assert mine == [f"m{sender}-{number}" for number in range(50)]


def test_the_same_delivery_at_the_same_moment_is_taken_once(receiver: Receiver) -> None:
    gate = threading.Barrier(8)

    def send(_: int) -> int:
        with httpx.Client(base_url=receiver.url, timeout=20, trust_env=False) as client:
            gate.wait()
            headers = ELEVENTH | {"content-type": "application/json"}
            return client.post(receiver.address, content=BODY, headers=headers).status_code

    with ThreadPoolExecutor(8) as pool:
        codes = sorted(pool.map(send, range(8)))
    assert codes.count(202) >= 1
    assert set(codes) <= {200, 202}
    assert receiver.states() == ["applied"]


def test_a_paused_portal_keeps_what_comes_and_works_on_it_later(receiver: Receiver) -> None:
    portals.pause_portal(receiver.context, SYSTEM, "Sender", True)
    assert receiver.signed(BODY).status_code == 202
    assert receiver.quantities() == {}
    portals.pause_portal(receiver.context, SYSTEM, "Sender", False)
    assert receiver.quantities() == {("C-001", "M365-BP"): 25}
