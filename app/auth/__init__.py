"""Keys and scopes: what a key is, what it may do, and which keys this worker has looked up lately."""
