"""Any REST endpoint: declared in settings, mapped by eye, read like every other portal."""
