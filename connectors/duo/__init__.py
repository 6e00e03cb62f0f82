"""Duo Accounts API and Admin API: users per child account."""
