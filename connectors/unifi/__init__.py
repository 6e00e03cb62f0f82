"""Ubiquiti UniFi: managed devices per site, from the Site Manager, the Integration API or a classic controller."""
