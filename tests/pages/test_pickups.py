"""Pick-ups on the Portals page: connected by a form, columns chosen with the newest file, a list of what came."""

from __future__ import annotations

import os
import time
from pathlib import Path

from core.services import access, pickup_pages, portals, sync
from core.services.paging import PageQuery
from tests.pages.conftest import Pages, all_words, say, table_with

EXPORT = b"Customer,Product,Seats\nAcme BV,Backup,5\nBeta NV,Backup,7\n"
COLUMNS = {"customer": "Customer", "product": "Product", "quantity": "Seats", "complete": True}


def put(folder: Path, name: str, data: bytes = EXPORT) -> None:
    (folder / name).write_bytes(data)
    os.utime(folder / name, (time.time() - 3600,) * 2)


def test_s1_59_columns_are_chosen_with_the_newest_file_before_anything_is_picked_up(
    full: Pages, tmp_path: Path
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    put(drop, "usage.csv")
    portals.create_portal(
        full.context, access.SYSTEM, "Drop", "pickup_folder", settings={"folder": str(drop)}, secrets={}
    )
    screen = full.open("portals", portal="Drop")
    assert say("Nothing is picked up before that is chosen, once, with the newest file of the folder.") in all_words(
        screen
    )
    screen.button(key="pickup_columns").click().run()
    assert not screen.exception
    assert not screen.error
    assert "usage" in all_words(screen)
    screen.radio[0].set_value(True).run()
    assert list(table_with(screen, "place")["customer"]) == ["Acme BV", "Beta NV"]
    screen.button(key="save_columns").click().run()
    assert not screen.exception
    assert dict(portals.portal_detail(full.context, access.SYSTEM, "Drop").columns) == COLUMNS
    assert (drop / "usage.csv").exists()


def test_s1_59_the_list_tells_what_became_of_each_file(full: Pages, tmp_path: Path) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    settings = {"folder": str(drop), **COLUMNS}
    portals.create_portal(full.context, access.SYSTEM, "Drop", "pickup_folder", settings=settings, secrets={})
    put(drop, "usage.csv")
    put(drop, "bad.csv", b"<html>sign in</html>")
    for _ in range(2):
        sync.run_sync(full.context, access.SYSTEM, ["Drop"], apply=False)
    screen = full.open("portals", portal="Drop")
    assert not screen.exception
    files = table_with(screen, "archived")
    assert dict(zip(files["name"], (one[0] for one in files["result"]), strict=True)) == {
        "usage.csv": say("Taken over"), "bad.csv": say("Cannot be read"),
    }  # fmt: skip
    assert pickup_pages.list_picked(full.context, access.SYSTEM, PageQuery(portal="Drop")).total == 2


def test_the_key_of_a_server_must_be_trusted_before_it_is_connected(empty: Pages) -> None:
    screen = empty.open("portals", step="connect", connector="sftp")
    screen.text_input(key="connect_sftp_host").set_value("sftp.example.com")
    screen.text_input(key="connect_sftp_user").set_value("jan").run()
    assert say("a trusted host key") in all_words(screen)
    assert screen.button(key="connect_sftp_save").disabled
