"""What the editions of ManageEngine Mobile Device Manager Plus have in common."""
