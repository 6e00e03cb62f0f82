"""Lost power, in short: the whole product under SIGKILLs and faults for some seconds (`manage.py chaos` takes longer), and its judge."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator

import pytest

from connectors.autotask.sandbox.data import Credentials
from tests.chaos import verdict
from tests.chaos.__main__ import shown
from tests.chaos.nursery import Nursery
from tests.chaos.story import QUICK, Options, Story, made, run
from tests.chaos.verdict import Report
from tests.chaos.world import CLOUD
from tests.postgres_cluster import binaries

FAULTS = 8

pytestmark = [pytest.mark.timeout(900), pytest.mark.xdist_group("chaos")]
"""A busy machine takes its time; a lost run or mail is told by the judge, not by the clock. One worker: one mother of all processes."""


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    found = Nursery(pace=QUICK)
    yield found
    found.close()


def judged(story: Story) -> Report:
    return verdict.judge(story, lived=0, settled=0)


def wrong(report: Report) -> set[str]:
    return {check.what for check in report.checks if not check.ok}


def test_nothing_is_lost_or_doubled_and_the_judge_would_see_it(nursery: Nursery) -> None:
    """On SQLite, with one process. Afterwards somebody tampers, so that it is certain that the judge looks."""
    with made(Options(faults=FAULTS, seed=38, rest=0.4, calm=0.8), nursery=nursery) as story:
        story.live()
        story.settle()
        report = judged(story)
        assert report.ok, shown(report)
        assert [name for name in report.figures if name.startswith("fault:")], shown(report)
        _adjust_twice(story)
        assert wrong(judged(story)) == {"contract lines as the portals say", "adjustments in ledger and Autotask"}
        story.truth.accepted.append("never sent")
        assert "webhook events, once and in order" in wrong(judged(story))
        story.post.mails.append(story.post.mails[-1].replace(b"Message-ID: <", b"Message-ID: <x"))
        assert "mails that the outbox sent" in wrong(judged(story))
        _tamper_with_evidence(story)
        assert "evidence of months" in wrong(judged(story))
        story.post.mails.clear()
        assert {"mails that the outbox sent", "known causes, told once"} <= wrong(judged(story))


def _tamper_with_evidence(story: Story) -> None:
    pack = next(story.packs.glob("*.zip"))
    with zipfile.ZipFile(pack) as found:
        files = {name: found.read(name) for name in found.namelist()}
    with zipfile.ZipFile(pack, "w") as made:
        for name, data in files.items():
            made.writestr(name, data + b" " if name == "numbers.json" else data)


def _adjust_twice(story: Story) -> None:
    """The same adjustment once more, over Autotask's own interface."""
    import httpx

    last = story.autotask.ledger("ContractServiceAdjustments")[-1]["values"]
    known = Credentials()
    headers = {"ApiIntegrationCode": known.integration_code, "UserName": known.user_name, "Secret": known.secret}
    place = f"{story.autotask.base_url}V1.0/ContractServiceAdjustments"
    body = {"contractServiceID": last["contractServiceID"], "unitChange": 1, "effectiveDate": last["effectiveDate"]}
    assert httpx.post(place, json=body, headers=headers, timeout=60, trust_env=False).status_code == 200


@pytest.mark.skipif(binaries() is None, reason="there is no PostgreSQL")
def test_nothing_is_lost_or_doubled_with_workers_on_postgresql(nursery: Nursery) -> None:
    """Web, a worker and the database are killed, too."""
    options = Options(faults=FAULTS, seed=200, database="postgres", workers=1, rest=0.4, calm=0.8)
    report = run(options, nursery=nursery)
    assert report.ok, shown(report)
    assert report.figures["fault: database killed"] >= 1, shown(report)


def test_the_same_seed_is_the_same_story() -> None:
    """What people do and what goes wrong is drawn from the seed alone."""
    first, again, other = (Options(seed=seed) for seed in (7, 7, 8))

    def drawn(options: Options) -> list[float]:
        story = Story.__new__(Story)
        story.options = options
        return [story.dice(name).random() for name in ("work", "hooks", "faults")]

    assert drawn(first) == drawn(again) != drawn(other)


def test_the_table_names_what_went_wrong() -> None:
    report = Report(
        seed=4, database="sqlite", workers=0, lived=60, settled=3,
        checks=[verdict.Check("one charge for a key", 4, doubled=1, detail="CB-1 2")], figures={"runs: done": 9},
    )  # fmt: skip
    text = shown(report)
    assert not report.ok
    assert "seed 4" in text
    assert "doubled 1: NOT OK" in text
    assert "one charge for a key  CB-1 2" in text
    assert CLOUD not in text
