"""ManageEngine Mobile Device Manager Plus in the cloud, signed in through Zoho accounts."""
