"""What runs around the app under gunicorn: its worker class, and the administration port of its master process."""
