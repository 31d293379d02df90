"""The WSGI entry point: `gunicorn wsgi:app`, and what the flask command finds by itself."""

from app import create_app
from app.config import SettingError

try:
    app = create_app()
except SettingError as error:
    raise SystemExit(f"flux-dao: {error}") from None
