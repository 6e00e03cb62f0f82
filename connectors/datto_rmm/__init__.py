"""Datto RMM API v2: managed devices per site."""
