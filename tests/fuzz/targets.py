"""Each parser with the inputs it is fed and what must hold of the outcome: our own errors at most, and no wrong number."""

from __future__ import annotations

import ipaddress
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from pydantic import ValidationError

from connectors._kit.guard import Guard, GuardPolicy, inside
from connectors._kit.http import Answer
from connectors._kit.paging import Call, LinkHeader
from connectors._kit.redact import redact_url
from connectors.rest import auth, template
from connectors.rest.decode import decode
from connectors.rest.settings import Answer as Declared
from core.domain import hook_events, hooks
from core.domain.charges import template as charge_template
from core.domain.errors import ContractBridgeError
from core.domain.file_settings import NumberFormat
from core.domain.formula import compile_formula
from core.domain.numbers import read_text
from core.domain.selection.mapping import RecordMapping
from core.domain.selection.paths import compile_path
from core.domain.selection.selector import select_lines
from core.domain.selection.suggest import suggest
from core.domain.selection.tree import tree
from core.files.consumption.reader import read_consumption
from core.files.dates import AmbiguousDate, DateReader
from core.files.importer import Outcome, import_file, inspect
from core.services import webhook_bodies, workspace_file
from tests.files import azure_exports
from tests.files.samples import M
from tests.fuzz.inputs import AWKWARD, FILES, JSON, LONG, TEXT, damaged, json_bytes

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
OURS = (ContractBridgeError, ValidationError)


@dataclass(frozen=True)
class Target:
    """`feed` makes inputs; `run` reads one. An error of `refusals` is a good answer; anything else is a finding."""

    feed: st.SearchStrategy[Any]
    run: Callable[[Any], object]
    refusals: tuple[type[Exception], ...] = OURS

    def __call__(self, value: Any) -> None:
        try:
            self.run(value)
        except self.refusals:
            return


def _file(given: tuple[str, bytes]) -> None:
    name, data = given
    result = import_file(data, f"export.{name}", M)
    assert result.outcome in Outcome
    assert all(line.quantity.is_finite() for line in result.lines)
    assert result.outcome is not Outcome.REJECTED or (result.errors and not result.lines)
    inspect(data, f"export.{name}")


_DECIMALS = st.decimals(min_value=0, max_value=10**9, places=2) | st.integers(0, 10**9).map(Decimal)
_MARKS = {NumberFormat.COMMA: (".", ","), NumberFormat.POINT: (",", ".")}


def _number(given: tuple[Decimal, NumberFormat, bool, bool]) -> None:
    wanted, form, grouped, told = given
    group, point = _MARKS[form]
    text = f"{wanted:,f}" if grouped else f"{wanted:f}"
    text = text.translate({ord(","): group, ord("."): point})
    found = read_text(text, form if told else NumberFormat.AUTO)
    if told:
        assert found == wanted, (text, found)
    assert not isinstance(found, Decimal) or found == wanted, (text, found)


def _any_number(given: tuple[str, NumberFormat]) -> None:
    found = read_text(*given)
    assert not isinstance(found, Decimal) or found.is_finite()


def _date(given: tuple[datetime, str, str]) -> None:
    moment, written, pattern = given
    found = DateReader(pattern).read(moment.strftime(written))
    if isinstance(found, AmbiguousDate):
        return
    assert isinstance(found, datetime), (found, written)
    assert found.date() == moment.date(), (found, moment, written)


def _any_date(given: tuple[str, str]) -> None:
    DateReader(given[0], [given[1]]).read(given[1])


FORMULA = st.lists(
    st.sampled_from(["a", "b", "1", "0", "2.5", "9999999", "+", "-", "*", "/", "//", "%", "**", "(", ")", "min(", "max(", "ceil(", "round(", ",", " if ", " else ", "<", "==", " and ", "not ", "__class__", ".", "[0]", "lambda:", "a.b", "'x'", "{}", "1e9", "\n", "²"]),
    max_size=14,
).map("".join)  # fmt: skip


def _formula(text: str) -> None:
    compiled = compile_formula(text, ["a", "b"])
    values = {"a": Decimal(7), "b": Decimal("0.5")}
    assert compiled.evaluate(values).is_finite()
    compiled.steps(values)


def _charge_template(given: tuple[str, str]) -> None:
    text, value = given
    names = dict.fromkeys(charge_template.VARIABLES, value)
    for limit in (charge_template.NAME_LENGTH, charge_template.DESCRIPTION_LENGTH):
        assert len(charge_template.render(text, names, limit=limit).text) <= limit


def _rest_template(given: tuple[str, str]) -> None:
    text, value = given
    names = template.Names(secrets={"key": value}, values={"x": value}, parent={"id": value}, now=NOW)
    template.check(text, {"x": value}, records=("parent", "job"))
    for escape in (template.in_path, template.in_xml, template.in_json_text, template.in_header):
        template.render(text, names, escape)
    header = template.render("{{secret.key}}", names, template.in_header)
    assert "\r" not in header and "\n" not in header


PATH = st.sampled_from(["data", "data[]", "customers[*].products[]", "*", "c", "q", "[?a=='x']", "length(data)", "a.b.c", "@", "$.data"]) | st.lists(
    st.sampled_from(["a", "data", ".", "[", "]", "*", "?", "@", "|", "&", "!", "==", "`1`", "'x'", "(", ")", "sum", "sort_by", "to_number", "{", "}", ":", ",", "\\", '"'])
    | TEXT,
    max_size=10,
).map("".join)  # fmt: skip


def _path(given: tuple[str, Any]) -> None:
    compile_path(given[0])(given[1])


def _selection(given: tuple[Mapping[str, str], Any]) -> None:
    mapping = RecordMapping.model_validate(
        {"records": "data", "customer": "c", "product": "p", "quantity": "q"} | given[0]
    )
    found = select_lines(given[1], mapping, source="GET x")
    assert all(line.quantity.is_finite() for line in found.lines)


def _looked_at(document: Any) -> None:
    suggest(document)
    tree(document)


def _workspace(text: str) -> None:
    workspace_file.parse(text, {"X": "y"}, "w.yaml")


YAML = """\
autotask: {user_name: u, secret: "${X}", integration_code: c}
portals:
  - {name: M365, connector: file, settings: {customer: C, product: P, quantity: Q}, mode: review}
customers:
  - {portal: M365, customer: Acme, company: Acme B.V.}
"""
TYPES = st.sampled_from(
    ["application/json", "application/x-ndjson", "text/csv", "application/x-www-form-urlencoded", ""]
)


def _hook_body(given: tuple[bytes, str]) -> None:
    body = webhook_bodies.parse(*given)
    rows = hook_events.rows_of(body.document, "x")
    assert all(line.quantity.is_finite() for line in rows.lines)


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HEADER_NAMES = (
    "webhook-id",
    "webhook-timestamp",
    "webhook-signature",
    "stripe-signature",
    "x-signature",
    "authorization",
    "x-slack-signature",
    "x-slack-request-timestamp",
)
SCHEMES: tuple[dict[str, str], ...] = tuple(
    {"scheme": scheme.value}
    | ({"user": "u"} if scheme is hooks.Scheme.BASIC else {})
    | ({"header": "x-signature"} if scheme in (hooks.Scheme.CUSTOM, hooks.Scheme.HEADER) else {})
    for scheme in hooks.Scheme
    if scheme is not hooks.Scheme.URL_ONLY
)
SIGNATURE = (
    st.sampled_from(
        [
            "v1,",
            "v1a,",
            "t=1",
            "t=1763629200,v1=",
            "sha256=",
            "v0=",
            "Bearer ",
            "Basic ",
            "1763629200",
            "Basic dTo=",
            "=",
            ",",
        ]
    )
    | TEXT
)


def _signature(given: tuple[dict[str, str], dict[str, str], bytes]) -> None:
    way, headers, body = given
    verification = hooks.Verification.model_validate(way)
    # As they come from the wire: each byte is one sign.
    headers = {name: value.encode("latin-1", "replace").decode("latin-1") for name, value in headers.items()}
    delivered = hooks.Delivered("POST", "/x", headers, body)
    assert not hooks.is_genuine(verification, [SECRET], delivered, NOW), "nobody signed this"
    hooks.delivery_id(verification, headers)


def _headers(given: tuple[str, str]) -> None:
    link, value = given
    call = Call(path="https://api.example/x")
    LinkHeader().next(call, {}, {"link": link}, 1)
    answer = Answer(429, {"retry-after": value, "date": value}, b"", "GET x")
    told = answer.retry_after()
    assert told is None or told >= 0
    auth._challenge(value)
    redact_url(link)


def _answer(given: tuple[bytes, str, str]) -> None:
    content, told, form = given
    decode(Answer(200, {"content-type": told}, content, "GET x"), Declared.model_validate({"format": form}))


AZURE = azure_exports.text(azure_exports.sample()).encode()


def _consumption(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "part_0_0001.csv"
        path.write_bytes(data)
        reading = read_consumption(path, portal="Azure", now=NOW)
    assert all(line.amount is None or line.amount.is_finite() for line in reading.lines)


HOSTS = st.sampled_from(["127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:10.0.0.1]", "localhost", "example.com", "a@10.0.0.1", "１２７.0.0.1", "169.254.169.254", "[fe80::1%25eth0]", "0177.1", "example.com.", "[64:ff9b::a00:1]"])  # fmt: skip
URL = st.lists(st.sampled_from(["https://", "http://", "//", "https:", "@", ":", "443", "/", "\\", "#", "?", "%2e", "."]) | HOSTS | TEXT, max_size=6).map("".join) | HOSTS.map("https://{}/".format)  # fmt: skip


def _guard(url: str) -> None:
    checked = Guard(GuardPolicy(resolve=lambda _h, _p: ("93.184.216.34",)), "Own").check(url)
    assert not any(inside(ipaddress.ip_address(one)) for one in checked.addresses)
    assert checked.port == 443


KINDS = st.sampled_from(sorted(FILES))
JSON_TEXT = JSON.map(json_bytes)
ANSWERS = (
    JSON_TEXT | st.binary(max_size=60) | st.sampled_from([FILES["xml"], FILES["csv"], FILES["gz"], b'{"a": 1, "b": [1.5e3]}']).flatmap(damaged)
    | st.sampled_from([f'{{"q": {text}}}'.encode("utf-8", "replace") for text in AWKWARD])
)  # fmt: skip
TARGETS: Mapping[str, Target] = {
    "files": Target(KINDS.flatmap(lambda kind: st.tuples(st.just(kind), damaged(FILES[kind]))), _file),
    "numbers": Target(st.tuples(_DECIMALS, st.sampled_from(list(_MARKS)), st.booleans(), st.booleans()), _number),
    "any number": Target(st.tuples(LONG, st.sampled_from(NumberFormat)), _any_number),
    "dates": Target(
        st.tuples(
            st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)),
            st.sampled_from(["%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%d %B %Y", "%Y%m%d"]),
            st.just(""),
        )
        | st.tuples(
            st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)), st.just("%d/%m/%Y"), st.just("dd/mm/yyyy")
        ),
        _date,
    ),
    "any date": Target(st.tuples(st.sampled_from(["", "dd/mm/yyyy", "mm/dd/yyyy", "%d.%m.%Y"]), LONG), _any_date),
    "formulas": Target(FORMULA | LONG, _formula),
    "charge templates": Target(
        st.tuples(LONG | st.sampled_from(["{lines}", "{resource|cut 10}: {quantity}"]), LONG), _charge_template
    ),
    "request templates": Target(
        st.tuples(LONG | st.sampled_from(["{{secret.key}}", "{{x}}", "{{parent.id | upper}}"]), LONG),
        _rest_template,
        (*OURS, ValueError),
    ),
    "paths": Target(st.tuples(PATH, JSON), _path, (*OURS, ValueError)),
    "selections": Target(
        st.tuples(
            st.dictionaries(
                st.sampled_from(["records", "customer", "product", "quantity", "expand"]), PATH, max_size=2
            ),
            st.fixed_dictionaries(
                {
                    "data": st.lists(
                        st.dictionaries(st.sampled_from("cpq"), TEXT | st.integers() | st.floats(), min_size=2),
                        max_size=5,
                    )
                }
            )
            | JSON,
        ),
        _selection,
    ),
    "documents": Target(JSON, _looked_at),
    "workspace files": Target(
        damaged(YAML.encode()).map(lambda data: data.decode("utf-8", "replace")) | LONG, _workspace
    ),
    "webhook bodies": Target(st.tuples(ANSWERS, TYPES), _hook_body, (webhook_bodies.Unreadable,)),
    "webhook signatures": Target(
        st.tuples(
            st.sampled_from(SCHEMES),
            st.dictionaries(st.sampled_from(HEADER_NAMES), st.lists(SIGNATURE, max_size=3).map("".join), max_size=5),
            st.binary(max_size=20),
        ),
        _signature,
    ),
    "headers of answers": Target(st.tuples(LONG | URL.map("<{}>; rel=next".format), LONG), _headers),
    "answers": Target(st.tuples(ANSWERS, TYPES, st.sampled_from(["auto", "json", "ndjson", "csv", "xml"])), _answer),
    "consumption": Target(damaged(AZURE), _consumption),
    "addresses": Target(URL, _guard),
}
