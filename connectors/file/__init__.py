"""The universal import as a portal: files that somebody drops, in any shape (the readers live in `core.files`)."""
