"""Azure cost over the Query API of Cost Management."""
