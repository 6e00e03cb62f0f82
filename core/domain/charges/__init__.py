"""Contract charges for what was used: what is charged, at which price, in which words, and what Autotask lacks of it (M15)."""
