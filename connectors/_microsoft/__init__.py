"""What portals of Microsoft have in common."""
