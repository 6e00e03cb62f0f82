"""Contracts, services and fields that are made in Autotask when a subscription has none yet (contract policy per portal)."""
