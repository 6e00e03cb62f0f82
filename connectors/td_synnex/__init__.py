"""TD SYNNEX StreamOne Ion, Partner API v3: subscriptions of all end customers."""
