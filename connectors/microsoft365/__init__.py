"""Microsoft 365: Microsoft Graph per customer tenant, and subscriptions of Partner Center."""
