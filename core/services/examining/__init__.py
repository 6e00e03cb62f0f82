"""What the doctor looks at, each part for itself."""
