"""Invoices of Partner Center: Azure usage, one-time purchases and billed seats."""
