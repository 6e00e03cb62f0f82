"""SpamExperts and N-able Mail Assure, Control Panel API: filtered domains and mailboxes per customer."""
