"""What is kept: tables, queries and migrations, the same on SQLite and PostgreSQL. Knows no page and no portal."""
