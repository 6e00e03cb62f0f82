"""SentinelOne Management API v2.1: licences in use and reserved per site."""
