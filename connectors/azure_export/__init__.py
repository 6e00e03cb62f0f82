"""Azure Cost Management exports that are brought as files."""
