"""Copaco Cloud: the marketplace's interface, or invoices by API key."""
