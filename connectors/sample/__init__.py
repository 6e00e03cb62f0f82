"""Sample data of any portal, to look at ContractBridge without an account there."""
