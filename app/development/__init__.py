"""For development: a PostgreSQL that needs no installation, and data to try things out on."""
