"""ContractBridge: what people see stands in `pages/`, the outside world in `connectors/`, everything between in `core/`."""
