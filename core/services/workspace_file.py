"""The workspace as one YAML file (DESIGN §6): read with every mistake told at once, each with its line; and written again."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core.domain.alerts.rules import Baseline, Direction, Per, RuleKind, Telling
from core.domain.charges.settings import ChargeSettings
from core.domain.errors import InputError
from core.domain.mapping import Rounding
from core.domain.notice import Severity
from core.domain.policy import Mode, Policy, PolicyOverride
from core.domain.provisioning.policy import ContractPolicy
from core.domain.text import T, Text
from core.domain.validation import problems_of
from core.services.access import Role

VARIABLE = re.compile(r"(?<!\$)\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
OWN = "CONTRACTBRIDGE_"
"""The product's own variables (its key, its database's password) are never put into settings, where people can read them."""
LARGEST_FILE = 20_000_000
SECRETS = ("autotask.secret", "autotask.integration_code", "company_account.client_secret")


class Entry(BaseModel):
    """Part of the file. A key nobody knows is a mistake, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, coerce_numbers_to_str=True)


Name = Annotated[str, Field(min_length=1)]


class AutotaskEntry(Entry):
    user_name: Name
    secret: Name
    integration_code: Name
    base_url: str = ""


class CompanyAccountEntry(Entry):
    """The company's identity provider, and which group gives which role."""

    issuer: Name
    client_id: Name
    client_secret: Name
    scopes: str = "profile email"
    groups_claim: str = ""
    confirm_without_time: bool = False
    groups: dict[str, Role] = {}


class PortalEntry(Entry):
    name: Name
    connector: Name
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    mode: Mode = Mode.REVIEW
    schedule: dict[str, Any] | None = None
    policy: Policy = Policy()
    overrides: tuple[PolicyOverride, ...] = ()
    charges: ChargeSettings | None = None
    contracts: ContractPolicy | None = None
    paused: bool = False


class CustomerEntry(Entry):
    """A portal customer by name or key, and one of: company by id or name, or ignore (true, or the reason)."""

    portal: Name
    customer: Name
    company_id: int | None = None
    company: Name | None = None
    ignore: bool | Name = False

    @model_validator(mode="after")
    def one_answer(self) -> CustomerEntry:
        if sum((self.company_id is not None, self.company is not None, self.ignore is not False)) != 1:
            raise ValueError(T("Give exactly one of company_id, company or ignore."))
        return self


class SourceEntry(Entry):
    """A portal product that feeds a rule; `name` is what the formula calls it."""

    portal: Name
    product: Name
    term: str | None = None
    billing_frequency: str | None = None
    name: str = ""


class ProductEntry(Entry):
    """A portal product (or several `sources`), and one of: service by name or id, bundle by name or id, or ignore."""

    portal: Name | None = None
    product: Name | None = None
    term: str | None = None
    billing_frequency: str | None = None
    name: str = ""
    sources: tuple[SourceEntry, ...] = ()
    service: Name | None = None
    service_id: int | None = None
    bundle: Name | None = None
    bundle_id: int | None = None
    ignore: bool | Name = False
    formula: str = "quantity"
    minimum: Decimal | None = None
    included: Decimal = Decimal(0)
    maximum: Decimal | None = None
    rounding: Rounding = Rounding.NONE
    match_period: bool = True
    label: str = ""

    @model_validator(mode="after")
    def one_answer(self) -> ProductEntry:
        if bool(self.sources) == bool(self.portal and self.product):
            raise ValueError(T("Give either portal and product, or a list of sources."))
        answers = (self.service, self.service_id, self.bundle, self.bundle_id)
        if sum(answer is not None for answer in answers) + (self.ignore is not False) != 1:
            raise ValueError(T("Give exactly one of service, service_id, bundle, bundle_id or ignore."))
        return self

    @property
    def all_sources(self) -> tuple[SourceEntry, ...]:
        if self.sources:
            return self.sources
        return (
            SourceEntry(
                portal=self.portal or "",
                product=self.product or "",
                term=self.term,
                billing_frequency=self.billing_frequency,
                name=self.name,
            ),
        )


class RenameEntry(Entry):
    portal: Name
    pattern: Name
    product: Name


class LineEntry(Entry):
    """The contract line a person chose where several fitted."""

    company_id: int
    service_id: int | None = None
    bundle_id: int | None = None
    billing_frequency: str = ""
    contract_service_id: int | None = None
    contract_service_bundle_id: int | None = None

    @model_validator(mode="after")
    def one_each(self) -> LineEntry:
        if (self.service_id is None) == (self.bundle_id is None):
            raise ValueError(T("Give exactly one of service_id and bundle_id."))
        if (self.contract_service_id is None) == (self.contract_service_bundle_id is None):
            raise ValueError(T("Give exactly one of contract_service_id and contract_service_bundle_id."))
        return self


class ChannelEntry(Entry):
    """A way to tell people; `paused`: it is not used for now."""

    name: Name
    kind: Name
    settings: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    recipients: tuple[str, ...] = ()
    language: str = "en"
    digest_at: str = "08:00"
    digest_weekday: str = "monday"
    paused: bool = False


class AlertRuleEntry(Entry):
    """A rule of what is worth telling; fields as `AlertRule`, with the names of the portal and of the channels."""

    kind: RuleKind
    portal: str = ""
    product: str = ""
    severity: Severity = Severity.WARNING
    paused: bool = False
    telling: Telling = Telling.NOW
    channels: tuple[Name, ...] = ()
    baseline: Baseline = Baseline.LAST_READING
    direction: Direction = Direction.BOTH
    per: Per = Per.CUSTOMER
    units: Decimal | None = None
    percent: Decimal | None = None
    band: Decimal = Decimal(5)
    days: int = 30
    amount: Decimal = Decimal(100)


class WorkspaceFile(Entry):
    """The whole file. A part that is left out (None) stays as it is in the workspace; an empty list empties it."""

    time_zone: str | None = None
    autotask: AutotaskEntry | None = None
    company_account: CompanyAccountEntry | None = None
    allowed_hosts: tuple[Name, ...] | None = None
    portals: tuple[PortalEntry, ...] | None = None
    customers: tuple[CustomerEntry, ...] | None = None
    products: tuple[ProductEntry, ...] | None = None
    renames: tuple[RenameEntry, ...] | None = None
    lines: tuple[LineEntry, ...] | None = None
    channels: tuple[ChannelEntry, ...] | None = None
    alert_rules: tuple[AlertRuleEntry, ...] | None = None


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One mistake in the file; `line` counts from 1, 0 where there is none."""

    line: int
    path: str
    message: Text


class WorkspaceFileError(InputError):
    """The file cannot be applied; nothing was changed. `problems` are all mistakes found, in order of their lines."""

    def __init__(self, problems: list[FileProblem], place: str) -> None:
        super().__init__(
            T("The workspace file has {count} mistake(s); portals and mappings were not changed.", count=len(problems)),
            place=place,
            kind="workspace_file",
        )
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))


@dataclass(frozen=True, slots=True)
class Parsed:
    """A file that is well-formed. `variables` names, per path, the variable a value came from."""

    content: WorkspaceFile
    lines: Mapping[str, int]
    variables: Mapping[str, str]
    missing: Mapping[str, str]

    def problem(self, path: str, message: Text) -> FileProblem:
        return FileProblem(line_of(self.lines, path), path, message)


def parse(text: str, environment: Mapping[str, str], place: str) -> Parsed:
    """Read the file; `${VARIABLE}` in the settings and secrets of Autotask, the company account, portals and channels is filled
    from `environment`.

    Secrets whose variable is not set are left empty and named in `missing`: a stored secret may stand in for them.
    Raises WorkspaceFileError.
    """
    node = _compose(text, place)
    lines: dict[str, int] = {}
    problems: list[FileProblem] = []
    raw = _plain(node, "", lines, problems)
    if not isinstance(raw, dict):
        raise WorkspaceFileError([FileProblem(1, "", T("Names with values are needed here."))], place)
    filler = _Filler(environment)
    for part in ("autotask", "company_account", "portals", "channels"):
        if part in raw:
            raw[part] = filler.fill(raw[part], part)
    problems += [
        FileProblem(line_of(lines, path), path, T("The environment variable {name} is not set.", name=name))
        for path, name in filler.missing.items()
        if not is_secret_path(path)
    ]
    content: WorkspaceFile | None = None
    try:
        content = WorkspaceFile.model_validate(raw)
    except ValidationError as error:
        problems += [
            FileProblem(line_of(lines, problem.path), problem.path, problem.message)
            for problem in problems_of(error, WorkspaceFile)
        ]
    if content is None or problems:
        raise WorkspaceFileError(problems, place)
    return Parsed(content, lines, filler.variables, filler.missing)


def is_secret_path(path: str) -> bool:
    return path in SECRETS or ".secrets." in path


def line_of(lines: Mapping[str, int], path: str) -> int:
    """The line of a path, or of the nearest thing around it."""
    while path and path not in lines:
        path = path.rpartition(".")[0]
    return lines.get(path, 0)


def _compose(text: str, place: str) -> yaml.Node | None:
    if len(text) > LARGEST_FILE:
        raise WorkspaceFileError([FileProblem(0, "", T("The file is too large."))], place)
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                line = event.start_mark.line + 1 if event.start_mark else 0
                raise WorkspaceFileError(
                    [FileProblem(line, "", T("References (*name) are not supported; write the value out."))], place
                )
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = str(getattr(error, "problem", None) or "?")
        raise WorkspaceFileError(
            [FileProblem(mark.line + 1 if mark else 0, "", T("This is not YAML: {reason}.", reason=reason))], place
        ) from None


def _plain(node: yaml.Node | None, path: str, lines: dict[str, int], problems: list[FileProblem]) -> Any:
    """The node's value as plain Python; fills `lines` and finds keys that stand twice."""
    if node is None:
        return {}
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            inner = f"{path}.{key}" if path else key
            if key in found:
                problems.append(
                    FileProblem(key_node.start_mark.line + 1, inner, T("{name} stands here twice.", name=key))
                )
            lines[inner] = key_node.start_mark.line + 1
            found[key] = _plain(value_node, inner, lines, problems)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, f"{path}.{number}", lines, problems) for number, item in enumerate(node.value)]
    loader = yaml.SafeLoader("")
    try:
        value = loader.construct_object(node, deep=True)
    except (ValueError, yaml.YAMLError) as error:
        problems.append(
            FileProblem(node.start_mark.line + 1, path, T("This value cannot be read: {reason}.", reason=str(error)))
        )
        return None
    return value if _reads_as_typed(value, node.value) else str(node.value)


def _reads_as_typed(value: object, typed: str) -> bool:
    """Whether YAML 1.1 means what a person does: `No`, `00123` and `02:00` are what was typed, not False, 83 and 120."""
    match value:
        case bool():
            return typed.lower() in ("true", "false")
        case int():
            return str(value) == typed
        case _:
            return value is None or isinstance(value, str | float)


class _Filler:
    """Puts environment variables into strings and remembers which came from where."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.variables: dict[str, str] = {}
        self.missing: dict[str, str] = {}

    def fill(self, value: Any, path: str) -> Any:
        if isinstance(value, dict):
            return {key: self.fill(inner, f"{path}.{key}") for key, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner, f"{path}.{number}") for number, inner in enumerate(value)]
        if not isinstance(value, str):
            return value
        return VARIABLE.sub(lambda match: self._value(match[1], path, value), value).replace("$${", "${")

    def _value(self, name: str, path: str, whole: str) -> str:
        if whole == f"${{{name}}}":
            self.variables[path] = name
        if name not in self.environment or name.startswith(OWN):
            self.missing[path] = name
            return f"${{{name}}}"
        return self.environment[name]


def dump(content: Mapping[str, Any]) -> str:
    """The file's text; long lists stay readable, one entry a line."""
    return "".join(_chunks(content))


def _chunks(content: Mapping[str, Any]) -> Iterator[str]:
    yield "# ContractBridge workspace. Apply it with: manage.py workspace apply FILE\n"
    for name, value in content.items():
        if isinstance(value, list) and name not in ("portals", "allowed_hosts", "channels"):
            yield f"{name}:{'' if value else ' []'}\n"
            for entry in value:
                line = yaml.safe_dump(entry, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10**9)
                yield f"  - {line}"
        else:
            yield yaml.safe_dump({name: value}, allow_unicode=True, sort_keys=False, default_flow_style=False)
