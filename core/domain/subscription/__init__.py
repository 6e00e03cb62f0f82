"""Subscriptions: what happened to them, what that means for their contract lines, and what their terms allow."""
