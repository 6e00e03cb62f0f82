"""Values and rules. Pure Python: no input or output, no clock, no database, no network."""
