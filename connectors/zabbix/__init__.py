"""Zabbix's JSON-RPC interface, 6.0 to 7.x: monitored hosts per customer."""
