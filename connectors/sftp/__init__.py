"""Files on an SFTP server (SSH file transfer protocol, version 3), by paramiko."""
