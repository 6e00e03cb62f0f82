"""FortiManager's JSON-RPC interface, on premise and in FortiCloud: managed firewalls per customer."""
