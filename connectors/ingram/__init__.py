"""Ingram Micro Cloud Marketplace: CloudBlue's SimpleAPI 1.15."""
