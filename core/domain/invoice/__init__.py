"""A vendor's invoice beside what was really used and what Autotask bills. Pure rules."""
