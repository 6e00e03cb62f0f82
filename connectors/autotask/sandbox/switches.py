"""Every point on which the reference is uncertain, or tenants differ, as one switch (Autotask reference §12, §14, §15)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class SandboxSwitches(BaseModel):
    """How this Autotask behaves where nobody knows for certain. May be changed while the server runs.

    The defaults are the readings that the reference thinks most likely; a client must work with every other value too.
    """

    model_config = ConfigDict(validate_assignment=True, extra="forbid")

    # ---- quantities (§7.3, §7.4, §14.1-2)
    zero_units: Literal["allow", "refuse"] = "allow"
    same_day: Literal["fail", "fail_fresh", "merge"] = "fail"
    """A second adjustment of a line on one date: refused; refused only when the first was the line's very first; merged."""
    posted_period: Literal["split", "keep", "refuse"] = "split"
    """An adjustment inside a posted period splits the posted row; leaves posted rows as they were; is refused."""
    posted_split_stamped: bool = True
    """Does the row that a split of a posted row creates carry the row's approveAndPostDate?"""
    prorate: Literal["allow", "refuse"] = "allow"
    """`refuse`: an effective date that is not a period start is refused (a contract that forbids prorated changes)."""
    zero_rows: bool = False
    """A line has rows with 0 units before its first adjustment; otherwise it has no rows there."""
    unit_end: Literal["last_day", "next_start", "split_next_start"] = "last_day"
    """endDate of unit rows: last day; first day after; first day after only where an adjustment ends the row."""
    negative_text: str = "ContractServiceAdjustment unitChange would result in a negative number of units."
    zero_text: str = "The number of units must be greater than zero."

    # ---- answers
    adjustment_item_id: Literal["null", "number"] = "null"
    dates: Literal["z", "bare", "eastern"] = "z"
    """Written with Z; without a zone; date-only fields as midnight of US Eastern time in UTC."""
    missing_record: Literal["null_item", "empty", "not_found"] = "null_item"
    udf_without_values: Literal["missing", "empty"] = "missing"
    include_id_always: bool = False
    query_hides: tuple[str, ...] = ()
    """Fields that queries leave out although GET by id has them (§3)."""

    # ---- queries
    unknown_operators: Literal["reject", "ignore"] = "reject"
    cursor_pages: int = Field(default=50, ge=2)
    past_cursor: Literal["error", "stop", "old_pages_expire"] = "error"
    """Beyond `cursor_pages`: the page is refused; the last allowed page says there is no next; only old pages go."""
    paging_verb: Literal["strict", "any"] = "strict"
    page_cap: int = Field(default=500, ge=1, le=500)
    """Never more rows on a page than this, whatever MaxRecords asks for."""
    in_list_limit: int = 500
    url_limit: int = 2048

    # ---- writes
    unknown_body_fields: Literal["ignore", "refuse"] = "ignore"
    read_only_fields: Literal["ignore", "refuse"] = "ignore"
    adjusted_price: Literal["accept", "ignore", "refuse"] = "accept"
    """adjustedPrice on ContractServices (§7.5)."""
    silent_entities: frozenset[str] = frozenset()
    """Entities whose writes are answered with 200 although nothing changes."""
    negative_charges: Literal["allow", "refuse"] = "allow"
    """A ContractCharge below 0 (§8.6 does not tell)."""
    auto_notes: bool = False
    """Does every change of units write a ContractNote?"""
    child_create_at_root: Literal[404, 405] = 404

    # ---- statuses
    validation_status: Literal[400, 500] = 500
    malformed_status: Literal[400, 500] = 400
    max_records_status: Literal[400, 500] = 500
    thread_limit_status: Literal[429, 500] = 429

    # ---- rights of the API user (§1)
    withheld: frozenset[str] = frozenset()
    """`Entity:action` (create, delete, query, update) that the user's security level does not have: `Contracts:query`."""
    restricted: frozenset[str] = frozenset()
    """The same for what it has for some records only. What entityInformation tells; which records is not acted out."""

    # ---- zone and limits (§1, §5)
    zone_lookup: bool = True
    """False: zoneInformation answers 500 for everybody."""
    zone_url: str | None = None
    """What zoneInformation answers as `url` instead of its own, as for a database that has moved."""
    locked: bool = False
    """The API user is locked: 401 for everything."""
    api_version_text: str = "v1.0"
    thread_limit: int = Field(default=3, ge=1)
    slot_release_delay: float = Field(default=0.0, ge=0)
    """Seconds for which a slot stays taken after the answer was sent."""
    hourly_limit: int = Field(default=10_000, ge=1)
    threshold_minutes: float = Field(default=60, gt=0)
    usage_latency_scale: float = Field(default=1.0, ge=0)
    """Multiplies the 0.5 s and 1 s that Autotask adds above 50 % and 75 % of the hourly limit."""
    latency: float = Field(default=0.0, ge=0)
    """Seconds added to every request."""
    retry_after: float | None = None
    """Retry-After of refusals; None: the header is absent."""
