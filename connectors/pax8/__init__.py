"""Pax8 Partner API v1: subscriptions per company."""
