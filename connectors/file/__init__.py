"""Files as a portal: exports that people drop, mail or put on a server. Readers and rules are in `core.files`."""
