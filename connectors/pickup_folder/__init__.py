"""Files in a folder of this machine or a network share."""
