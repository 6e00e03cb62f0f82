"""Alerts as values and rules: what is worth telling, which rule says so, and when one is told again."""
