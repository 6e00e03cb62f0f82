"""Files in a SharePoint or OneDrive library, through Microsoft Graph v1.0."""
