"""Altaro / Hornetsecurity backup: billing reports of the MSP console, or one VM Backup installation."""
