"""Settings: read once, from the environment or .env, with a sentence for what cannot be used."""

from pathlib import Path

import pytest

from app.config import SettingError, load_settings, show_settings

NO_FILE = Path("/nonexistent/.env")


def load(**environment: str):
    return load_settings(environment, NO_FILE)


def test_without_any_the_service_is_embedded_open_and_local():
    settings = load()
    assert (settings.embedded, settings.open, settings.host, settings.port) == (True, True, "127.0.0.1", 8000)
    settings.refuse_to_be_open_by_accident()


@pytest.mark.parametrize(
    "url",
    [
        "postgres://u:p@db.example.com:5432/flux",
        "postgresql://u:p@db.example.com/flux?sslmode=require&connect_timeout=3",
        "postgresql://postgres.ref:p%40ss@aws-0-eu.pooler.supabase.com:6543/postgres?sslmode=require",
        "postgresql:///flux?host=%2Fvar%2Frun%2Fpostgresql",
        "postgresql://a:1,b:2/flux?target_session_attrs=read-write",
    ],
)
def test_every_form_of_a_postgresql_url_is_taken_as_it_is(url: str):
    assert load(DATABASE_URL=url).database_url == url


def test_what_other_clients_add_to_a_poolers_url_is_left_out():
    url = load(DATABASE_URL="postgres://u@h:6543/d?pgbouncer=true&sslmode=require").database_url
    assert url == "postgres://u@h:6543/d?sslmode=require"


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("DATABASE_URL", "mysql://u@h/d", "postgresql://"),
        ("DATABASE_URL", "db.example.com", "postgresql://"),
        ("DATABASE_URL", "postgresql://u:geheim@h/d?ssl=yes", "ssl"),
        ("DATABASE_URL", "postgresql://u:ge:heim@h:port/d", ""),
        ("SERVICE_API_KEYS", "abc", "JSON"),
        ("SERVICE_API_KEYS", "7", "JSON"),
        ("SERVICE_API_KEYS", '[""]', "not empty"),
        ("SERVICE_API_KEYS", '{"a": 1}', "ASCII"),
        ("SERVICE_API_KEYS", '["ключ"]', "ASCII"),
        ("SERVICE_API_KEYS", '[" a"]', "space"),
        ("SERVICE_API_KEYS", '["a\\nb"]', "ASCII"),
        ("SERVICE_API_KEYS", '{"a": "k1", "a": "k2"}', "once only"),
        ("SERVICE_API_KEYS", '{"a": "k", "b": "k"}', "a key of its own"),
        ("SERVICE_API_KEYS", '{" ": "k"}', "needs a name"),
        ("SERVICE_API_KEYS", r'{"\ud800": "k"}', "a name that can be printed"),
        ("AUTH_DISABLED", "maybe", "true or false"),
        ("PORT", "http", "whole number"),
        ("PORT", "0", "whole number"),
        ("PORT", "65536", "65535"),
        ("WEB_CONCURRENCY", "-1", "whole number"),
        ("WEB_THREADS", "1.5", "whole number"),
        ("DATABASE_POOL_SIZE", "1001", "from 1 to 1000"),
        ("LOG_LEVEL", "loud", "warning"),
        ("DATABASE_STATEMENT_TIMEOUT", "soon", "a whole number from 0"),
        ("DATABASE_LOCK_TIMEOUT", "-1", "from 0 to 2147483"),
        ("DATABASE_STATEMENT_TIMEOUT", "2147484", "from 0 to 2147483"),
        ("DATABASE_CONNECT_TIMEOUT", "2147483648", "from 1 to 2147483647"),
        ("DATABASE_POOL_WAIT", "9" * 5000, "from 1 to 2147483647"),
        ("DATABASE_ISOLATION", "snapshot", "read committed, repeatable read or serializable"),
        ("DATABASE_REPLICA_URL", "mysql://replica", "postgresql://"),
        ("RATE_LIMIT", "many", "600/minute"),
        ("RATE_LIMIT", "0/minute", "600/minute"),
        ("RATE_LIMIT_STORAGE", "db.example.com", "redis://"),
        ("RATE_LIMIT_STORAGE", "redis://h:notaport/1", "port"),
        ("RATE_LIMIT_STORAGE", "redis://:secret@/1", "host"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://", "host"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:99999", "port"),
        ("CORS_ORIGINS", "*", "scheme"),
        ("CORS_ORIGINS", "https://app.example.com/", "scheme"),
        ("CORS_ORIGINS", "https://app.example.com,app.example.com", "app.example.com must be a scheme"),
    ],
)
def test_a_setting_that_cannot_be_parsed_is_named_with_its_remedy(name: str, value: str, remedy: str):
    with pytest.raises(SettingError) as raised:
        load(**{name: value})
    assert str(raised.value).startswith(f"{name} cannot be used: ")
    assert remedy in str(raised.value)
    assert "heim" not in str(raised.value), "a password is never repeated"


def test_keys_may_be_a_list_or_have_names():
    assert load(SERVICE_API_KEYS='["a", "b"]').service_api_keys == {"key-1": "a", "key-2": "b"}
    assert load(SERVICE_API_KEYS='{"planner": "a"}').service_api_keys == {"planner": "a"}


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"DATABASE_URL": "postgresql://h/d"}, "SERVICE_API_KEYS"),
        ({"DATABASE_URL": "postgresql://h/d", "SERVICE_API_KEYS": "[]"}, "SERVICE_API_KEYS"),
        ({"HOST": "0.0.0.0"}, "HOST=0.0.0.0"),
    ],
)
def test_a_service_that_would_be_open_by_accident_refuses_to_start(environment: dict[str, str], named: str):
    with pytest.raises(SettingError, match=named):
        load(**environment).refuse_to_be_open_by_accident()


@pytest.mark.parametrize(
    "environment",
    [
        {"DATABASE_URL": "postgresql://h/d", "AUTH_DISABLED": "true"},
        {"DATABASE_URL": "postgresql://h/d", "SERVICE_API_KEYS": '["k"]', "HOST": "0.0.0.0"},
        {"HOST": "0.0.0.0", "SERVICE_API_KEYS": '["k"]'},
        {"HOST": "localhost"},
        {"DATABASE_URL": "postgresql://h/d", "DATABASE_KEYS": "true"},
        {"HOST": "0.0.0.0", "DATABASE_KEYS": "true"},
    ],
)
def test_a_service_that_is_open_on_purpose_or_has_keys_starts(environment: dict[str, str]):
    load(**environment).refuse_to_be_open_by_accident()


def test_keys_in_the_database_close_the_embedded_service_too():
    assert not load(DATABASE_KEYS="true").open
    assert load(DATABASE_KEYS="true", AUTH_DISABLED="true").open


def test_maintenance_has_all_the_time_it_needs():
    limits = {"DATABASE_STATEMENT_TIMEOUT": "1", "DATABASE_LOCK_TIMEOUT": "0", "DATABASE_POOL_WAIT": "7"}
    patient = load(**limits).for_maintenance
    assert (patient.database_statement_timeout, patient.database_lock_timeout, patient.database_pool_wait) == (0, 0, 7)


def test_the_environment_goes_before_the_file_and_the_file_before_the_default(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text("PORT=9000\nHOST=localhost\n")
    settings = load_settings({"PORT": "9001"}, file)
    assert (settings.port, settings.host, settings.web_threads) == (9001, "localhost", 8)


def test_the_origins_of_pages_are_a_list_with_commas():
    settings = load(CORS_ORIGINS="https://app.example.com, http://localhost:3000,")
    assert settings.cors_origins == ("https://app.example.com", "http://localhost:3000")


def test_an_empty_text_counts_as_not_given():
    assert load(DATABASE_URL="", PORT="").port == 8000


def test_every_setting_that_cannot_be_parsed_is_named_at_once():
    with pytest.raises(SettingError, match=r"^PORT cannot be used: .*\. RELOAD cannot be used: "):
        load(PORT="x", RELOAD="maybe")


@pytest.mark.parametrize(
    "url",
    [
        "https://h/?geheim",
        "https://h/#geheim",
        "https://h/?a=1&geheim#b",
        "https://u@h/?q=@geheim",
        "https://u:1?geheim@h",
        "https://u:1/geheim@h",
    ],
)
def test_no_secret_is_shown_of_a_url(tmp_path: Path, url: str):
    shown = show_settings({"OTEL_EXPORTER_OTLP_ENDPOINT": url, "RATE_LIMIT_STORAGE": "redis://h"}, tmp_path / ".env")
    assert "heim" not in str(shown)
    assert "redis://h" in str(shown)


def test_settings_are_shown_with_their_source_and_no_secret(tmp_path: Path):
    file = tmp_path / ".env"
    file.write_text("PORT=9000\n")
    environment = {
        "DATABASE_URL": "postgresql://u:geheim@h/d?sslmode=require&sslpassword=geheim",
        "SERVICE_API_KEYS": '{"planner": "geheim"}',
        "PORT": "9000",
        "RATE_LIMIT_STORAGE": "redis://:geheim@h/0?password=geheim",
        "DATABASE_REPLICA_URL": "postgresql://u:ge:h@eim@h/d?options=geheim",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://geheim@h:4318/?token=geheim&key=geheim",
    }
    shown = {each["name"]: each for each in show_settings(environment, file)}
    assert "eim" not in str(shown)
    assert shown["DATABASE_URL"]["value"] == "postgresql://********@h/d?sslmode=********&sslpassword=********"
    assert shown["OTEL_EXPORTER_OTLP_ENDPOINT"]["value"] == "http://********@h:4318/?token=********&key=********"
    assert shown["SERVICE_API_KEYS"]["value"] == "planner=********"
    assert shown["AUTH_DISABLED"]["value"] == "false"
    sources = {name: each["source"] for name, each in shown.items()}
    assert (sources["DATABASE_URL"], sources["PORT"], sources["HOST"]) == ("environment", ".env", "default")
