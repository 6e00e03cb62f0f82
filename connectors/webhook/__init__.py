"""Events that a portal, an automation or a script sends by itself."""
