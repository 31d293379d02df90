"""What the image and the files that deploy it are made of, as far as it can be told without a container engine."""

import ast
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import distributions, packages_distributions, requires
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from psycopg2.extensions import parse_dsn

from app.config import PROJECT, Settings, load_settings

# What docs/performance.md says of one, rounded up.
MEBIBYTES_OF_A_PROCESS = 45

SERVED = [*PROJECT.glob("app/**/*.py"), *PROJECT.glob("migrations/*.py"), PROJECT / "wsgi.py"]
SERVED += [PROJECT / "gunicorn.conf.py"]
# Whoever runs compose.yaml has to bring these.
SECRETS = ("POSTGRES_PASSWORD", "SERVICE_API_KEYS")


def requirements(name: str) -> list[str]:
    """The lines of a requirements file that say something."""
    lines = (line.strip() for line in (PROJECT / name).read_text().splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def distribution(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def imported_modules() -> set[str]:
    """The top names of what the service's files import and Python does not bring."""
    names: set[str] = set()
    for path in SERVED:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {each.name for each in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
    return {name.partition(".")[0] for name in names} - sys.stdlib_module_names - {"app"}


INSTALLED = {distribution(each.name) for each in distributions()}


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments, continued lines joined as Docker joins them."""
    lines = [line for line in (PROJECT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n", "", "\n".join(lines))
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def final_stage() -> list[tuple[str, str]]:
    """The instructions from the last FROM on."""
    made = instructions()
    return made[max(at for at, (name, _) in enumerate(made) if name == "FROM") :]


def copied_sources() -> list[str]:
    """What the Dockerfile takes from the project's folder."""
    copies = [rest.split() for name, rest in instructions() if name == "COPY" and "--from=" not in rest]
    return [source.rstrip("/") for copy in copies for source in copy[:-1]]


def compose() -> dict:
    return yaml.safe_load((PROJECT / "compose.yaml").read_text())


def image_health_check() -> list[str]:
    """The command that the image's HEALTHCHECK runs."""
    (check,) = (rest for name, rest in final_stage() if name == "HEALTHCHECK")
    return json.loads(check.partition("CMD ")[2])


def compose_health_check() -> list[str]:
    """The command that compose.yaml's check of an instance runs."""
    return compose()["services"]["api-1"]["healthcheck"]["test"][1:]


def graceful_timeout() -> int:
    """For how many seconds gunicorn answers what it has accepted, after a TERM."""
    return int(re.search(r"^graceful_timeout = (\d+)$", (PROJECT / "gunicorn.conf.py").read_text(), re.M)[1])


def kubernetes(kind: str) -> dict:
    """The one object of this kind in deploy/kubernetes.yaml."""
    [found] = [
        each
        for each in yaml.safe_load_all((PROJECT / "deploy" / "kubernetes.yaml").read_text())
        if each["kind"] == kind
    ]
    return found


def pod(kind: str) -> dict:
    return kubernetes(kind)["spec"]["template"]["spec"]


def container(kind: str) -> dict:
    [only] = pod(kind)["containers"]
    return only


def environment(kind: str) -> dict[str, str | None]:
    """The container's variables; None for those that come from the Secret."""
    return {each["name"]: each.get("value") for each in container(kind)["env"]}


def mebibytes(text: str) -> int:
    assert text.endswith("Mi")
    return int(text.removesuffix("Mi"))


@pytest.mark.parametrize("name", [path.name for path in PROJECT.glob("requirements*.txt")])
def test_every_requirement_has_an_exact_version(name: str) -> None:
    exact = r"[\w.-]+(\[\w+\])?==\d[\w.]*(; python_full_version < .*)?|-r [\w.-]+\.txt"
    assert [line for line in requirements(name) if not re.fullmatch(exact, line)] == []


@pytest.mark.parametrize("python", ["3.11.0", "3.11.3", "3.13.0"])
def test_what_the_requirements_need_is_pinned_for_every_python(python: str) -> None:
    pinned = [Requirement(line) for line in requirements("requirements.txt")]
    around = {"python_version": python.rpartition(".")[0], "python_full_version": python, "extra": ""}
    names = {distribution(each.name) for each in pinned if not each.marker or each.marker.evaluate(around)}
    needed = [Requirement(text) for name in names & INSTALLED for text in requires(name) or ()]
    assert {distribution(each.name) for each in needed if not each.marker or each.marker.evaluate(around)} <= names


def test_requirements_of_the_image_cover_what_the_service_imports() -> None:
    files = ("requirements.txt", "requirements-otel.txt", "requirements-mcp.txt")
    lines = [line for file in files for line in requirements(file)]
    named = {distribution(line.partition("==")[0]) for line in lines}
    brought_by = packages_distributions()
    missing = {
        module
        for module in imported_modules()
        # It comes with the embedded PostgreSQL, which alone imports it.
        if module != "psutil" and not named & {distribution(name) for name in brought_by.get(module, [module])}
    }
    assert missing == set()


def test_what_the_image_copies_exists_and_reaches_the_builder() -> None:
    sources = copied_sources()
    assert [source for source in sources if not (PROJECT / source).exists()] == []
    rules = requirements(".dockerignore")
    # All is shut out first, so that no .env and no data can slip into an image.
    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(sources)


def test_image_holds_every_file_the_service_is_made_of() -> None:
    sources = [PROJECT / source for source in copied_sources()]
    assert [path for path in SERVED if not any(path.is_relative_to(source) for source in sources)] == []


def test_image_does_not_run_as_root() -> None:
    users = [rest for name, rest in final_stage() if name == "USER"]
    assert users
    assert int(users[-1].partition(":")[0]) > 0


def test_image_starts_gunicorn_as_the_first_process() -> None:
    (command,) = (rest for name, rest in final_stage() if name == "CMD")
    # A shell between would keep the signals to itself.
    assert json.loads(command)[0] == "gunicorn"
    assert "ENTRYPOINT" not in dict(final_stage())


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False), (None, False)])
@pytest.mark.parametrize(("check", "path"), [(image_health_check, "/health"), (compose_health_check, "/ready")])
def test_health_checks_tell_whether_the_service_answers(
    check: Callable[[], list[str]], path: str, status: int | None, healthy: bool
) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == path else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        port = str(server.server_port)
        if status is None:
            server.server_close()
        else:
            threading.Thread(target=server.handle_request, daemon=True).start()
        python, *arguments = check()
        # A proxy that the environment names must not stand between.
        environment = os.environ | {"ADMIN_PORT": port, "http_proxy": "http://127.0.0.1:9"}
        done = subprocess.run([sys.executable, *arguments], env=environment, capture_output=True)
    assert python == "python"
    assert (done.returncode == 0) == healthy


def test_compose_serves_only_after_the_migrations() -> None:
    services = compose()["services"]
    assert services["migrate"]["command"] == ["flask", "db", "upgrade"]
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for api in ("api-1", "api-2"):
        assert services[api]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert "command" not in services[api]


def test_the_proxy_of_compose_takes_the_bodies_that_the_service_takes() -> None:
    [mebibytes] = re.findall(r"client_max_body_size (\d+)m;", compose()["configs"]["proxy"]["content"])
    assert int(mebibytes) * 1024**2 == Settings().max_body_bytes


def test_compose_serves_through_a_pooler_in_transaction_mode_and_migrates_without_it() -> None:
    services = compose()["services"]
    pooler = services["pgbouncer"]["environment"]
    assert (pooler["POOL_MODE"], pooler["DB_HOST"]) == ("transaction", "postgres")
    # As docs/limits.md advises.
    assert (pooler["QUERY_WAIT_TIMEOUT"], pooler["SERVER_LOGIN_RETRY"]) == (5, 1)
    for api in ("api-1", "api-2"):
        assert parse_dsn(services[api]["environment"]["DATABASE_URL"])["host"] == "pgbouncer"
    assert parse_dsn(services["migrate"]["environment"]["DATABASE_URL"])["host"] == "postgres"


def test_compose_leads_to_both_instances_at_the_port_where_they_listen() -> None:
    port = dict(
        rest.split("=") for name, rest in final_stage() if name == "ENV" for rest in rest.split() if "PORT=" in rest
    )
    servers = re.findall(r"server (\S+) resolve", compose()["configs"]["proxy"]["content"])
    assert servers == [f"api-1:{port['PORT']}", f"api-2:{port['PORT']}"]


def test_the_proxy_of_compose_leaves_no_instance_out_and_looks_names_up_while_it_runs() -> None:
    proxy = compose()["configs"]["proxy"]["content"]
    assert re.findall(r"server api-\d:\d+ (.*);", proxy) == ["resolve max_fails=0"] * 2
    # The address of Docker's own DNS; `resolve` needs the zone.
    assert re.search(r"^ *resolver 127\.0\.0\.11 ", proxy, re.MULTILINE)
    assert re.search(r"^ *zone ", proxy, re.MULTILINE)
    # A name that was not there is asked for again only after this.
    assert re.search(r"^ *resolver_timeout 5s;", proxy, re.MULTILINE)


def test_compose_publishes_one_port_and_to_this_machine_alone() -> None:
    ports = {name: service["ports"] for name, service in compose()["services"].items() if "ports" in service}
    assert ports == {"proxy": ["127.0.0.1:${PORT:-8000}:8000"]}


def test_compose_stops_the_pooler_without_waiting_for_its_clients() -> None:
    assert compose()["services"]["pgbouncer"]["stop_signal"] == "SIGINT"


def test_compose_and_kubernetes_name_only_settings_that_exist() -> None:
    known = {each.name.upper() for each in fields(Settings)} | {"PGPASSWORD"}
    services = compose()["services"]
    for name in ("migrate", "api-1", "api-2"):
        assert set(services[name]["environment"]) <= known
    for kind in ("Job", "Deployment"):
        assert set(environment(kind)) <= known


def test_every_image_of_ours_and_of_others_has_a_tag() -> None:
    images = [container(kind)["image"] for kind in ("Job", "Deployment")]
    images += [compose()["services"][name]["image"] for name in ("postgres", "pgbouncer", "proxy")]
    assert [image for image in images if ":" not in image] == []


def test_compose_has_no_default_for_a_secret() -> None:
    text = (PROJECT / "compose.yaml").read_text()
    for name in SECRETS:
        uses = re.findall(rf"\$\{{?{name}\b[^}}]*", text)
        assert uses
        assert all(re.fullmatch(rf"\$\{{{name}:\?\S.*\.", use) for use in uses), uses


def test_compose_migrates_without_keys() -> None:
    assert "SERVICE_API_KEYS" not in compose()["services"]["migrate"]["environment"]


def test_compose_lets_accepted_requests_end_before_it_kills() -> None:
    assert int(compose()["services"]["api-1"]["stop_grace_period"].removesuffix("s")) > graceful_timeout()


def test_kubernetes_lets_accepted_requests_end_before_it_kills() -> None:
    pause = int(container("Deployment")["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod("Deployment")["terminationGracePeriodSeconds"] > graceful_timeout() + pause


def test_kubernetes_starts_the_service_with_settings_that_it_takes() -> None:
    given = {name: value for name, value in environment("Deployment").items() if value}
    secrets = {"DATABASE_URL": "postgresql://h/d", "SERVICE_API_KEYS": '["k"]'}
    settings = load_settings(given | secrets, Path("/nonexistent"))
    settings.refuse_to_be_open_by_accident()
    ports = {port["name"]: port["containerPort"] for port in container("Deployment")["ports"]}
    assert ports == {"http": settings.port, "admin": settings.admin_port}
    assert not settings.binds_to_loopback
    assert set(given).isdisjoint(secrets)


@pytest.mark.parametrize(
    ("probe", "path"), [("startupProbe", "/health"), ("livenessProbe", "/health"), ("readinessProbe", "/ready")]
)
def test_kubernetes_asks_at_the_port_that_answers_however_busy_the_service_is(probe: str, path: str) -> None:
    assert container("Deployment")[probe]["httpGet"] == {"path": path, "port": "admin"}


@pytest.mark.parametrize("kind", ["Job", "Deployment"])
def test_kubernetes_gives_no_rights_that_are_not_needed(kind: str) -> None:
    image_user = int([rest for name, rest in final_stage() if name == "USER"][-1].partition(":")[0])
    assert pod(kind)["securityContext"]["runAsNonRoot"]
    assert pod(kind)["securityContext"]["runAsUser"] == image_user
    assert not pod(kind)["automountServiceAccountToken"]
    rights = container(kind)["securityContext"]
    assert rights["readOnlyRootFilesystem"]
    assert not rights["allowPrivilegeEscalation"]
    assert rights["capabilities"] == {"drop": ["ALL"]}


def test_kubernetes_gives_the_memory_that_was_measured_and_room_for_bodies() -> None:
    processes = int(environment("Deployment")["WEB_CONCURRENCY"] or 0) + 1
    resources = container("Deployment")["resources"]
    assert mebibytes(resources["requests"]["memory"]) >= MEBIBYTES_OF_A_PROCESS * processes
    assert mebibytes(resources["limits"]["memory"]) >= 2 * MEBIBYTES_OF_A_PROCESS * processes


def test_kubernetes_migrates_in_a_job_that_needs_no_keys() -> None:
    assert container("Job")["command"] == ["flask", "db", "upgrade"]
    assert list(environment("Job")) == ["DATABASE_URL"]


def test_kubernetes_leads_to_the_pods_of_the_deployment() -> None:
    labels = kubernetes("Deployment")["spec"]["template"]["metadata"]["labels"]
    assert kubernetes("Service")["spec"]["selector"] == labels
    assert kubernetes("PodDisruptionBudget")["spec"]["selector"]["matchLabels"] == labels
    assert kubernetes("Deployment")["spec"]["selector"]["matchLabels"] == labels
    assert kubernetes("Job")["spec"]["template"]["metadata"]["labels"] != labels
