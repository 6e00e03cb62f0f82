"""ManageEngine Mobile Device Manager Plus MSP on a server of one's own."""
