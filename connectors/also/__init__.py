"""ALSO Cloud Marketplace SimpleAPI: service accounts per company."""
