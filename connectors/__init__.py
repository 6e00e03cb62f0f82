"""The outside world: one folder a portal kind, `autotask/` is the target, `_kit/` is what all share."""
