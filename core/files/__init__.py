"""The universal importer: any table-like file becomes usage lines, notes and errors a person can act on.

`importer.inspect` looks at a file and suggests its mapping; `importer.import_file` reads it by a mapping. Rules and their
numbers (3.1 … 3.11, Part 4) are those of the import rules in `docs/importing-files.md`.
"""
