"""Slices of long lists, as the pages ask for them."""

from core.domain.paging import MOST_ROWS, Page, PageQuery

__all__ = ["MOST_ROWS", "Page", "PageQuery"]
