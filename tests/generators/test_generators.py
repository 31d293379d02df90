"""Programs that make clients of the served OpenAPI document, or read it, and what those clients do with the server."""

import os
import re
import subprocess
from pathlib import Path

import httpx
import pytest
from servers import RunningServer

from app.config import PROJECT

pytestmark = pytest.mark.generators

HERE = Path(__file__).parent
MADE = HERE / "made"
# 26,000 of them are for 83 operations without any parameter, and for rows without any filter.
MAX_LINES = 41_000
MAX_TOKENS = 40_000
COUNT_TOKENS = """
import { readFileSync } from "node:fs";
import { getEncoding } from "js-tiktoken";
console.log(getEncoding("o200k_base").encode(readFileSync(process.argv[1], "utf8")).length);
"""
# What openapi-generator says of any document of OpenAPI 3.1 that has objects, and a parameter with the name `return`.
SAID_BY_OPENAPI_GENERATOR = (
    "OpenAPI 3.1 support is still in beta",
    "Failed to get the schema name: null",
    "Codegen property is null",
    "Return (reserved word) cannot be used as model name",
)
PYTHON = PROJECT / ".venv-generators" / "bin"
NODE = HERE / "node_modules" / ".bin"
READERS = (
    ("openapi-spec-validator",),
    ("redocly", "lint", "--config", "redocly.yaml"),
    ("spectral", "lint", "--ruleset", "spectral.yml", "--fail-severity", "hint"),
)
YAML = "import sys, yaml; assert yaml.safe_load(open(sys.argv[1]))['openapi'] == '3.1.0'"
# Rows refer to one another by what `expand` puts into them, so that references go in circles.
PRANCE = """
import sys, prance
read = prance.ResolvingParser(
    sys.argv[1], backend="openapi-spec-validator", recursion_limit_handler=lambda limit, reference, way: {}
)
assert read.specification["paths"]
"""
GUIDE = (PROJECT / "docs" / "clients.md").read_text()


def run(*command: str | Path, **environment: str) -> str:
    """What the program prints, unless it fails; the programs of both folders are found."""
    path = os.pathsep.join((str(PYTHON), str(NODE), os.environ["PATH"]))
    done = subprocess.run(
        [str(part) for part in command],
        cwd=HERE,
        env=os.environ | {"PATH": path, "REDOCLY_TELEMETRY": "off"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def document(keyed_server: RunningServer) -> Path:
    """The document as the running server serves it, in a file."""
    MADE.mkdir(exist_ok=True)
    file = MADE / "openapi.json"
    file.write_bytes(httpx.get(f"{keyed_server.url}/openapi.json").raise_for_status().content)
    return file


def test_openapi_python_client(document: Path, keyed_server: RunningServer, tmp_path: Path):
    options = ("--config", HERE / "openapi-python-client.yml", "--fail-on-warning")
    run("openapi-python-client", "generate", "--path", document, "--output-path", tmp_path, "--overwrite", *options)
    lines = sum(len(file.read_text().splitlines()) for file in tmp_path.rglob("*.py"))
    print(f"openapi-python-client makes {lines} lines.")
    print(run(PYTHON / "python", HERE / "ten_things.py", tmp_path, keyed_server.url, keyed_server.key))
    assert lines <= MAX_LINES


def test_openapi_generator(document: Path, keyed_server: RunningServer, tmp_path: Path):
    options = ("--generator-name", "python", "--additional-properties", "packageName=flux_client")
    said = run("openapi-generator-cli", "generate", "--input-spec", document, "--output", tmp_path, *options)
    warnings = [line for line in said.splitlines() if " WARN " in line or " ERROR " in line]
    assert [line for line in warnings if not any(each in line for each in SAID_BY_OPENAPI_GENERATOR)] == []
    program = HERE / "ten_things_openapi_generator.py"
    print(run(PYTHON / "python", "-W", "error", program, tmp_path, keyed_server.url, keyed_server.key))


def test_openapi_typescript_and_openapi_fetch(document: Path, keyed_server: RunningServer):
    run("openapi-typescript", document, "--output", MADE / "schema.d.ts", "--default-non-nullable", "false")
    for name, program in re.findall(r"```typescript\n// (\w+\.ts)\n(.*?)```", GUIDE, re.DOTALL):
        (MADE / name).write_text(program)
    run("tsc", "--project", HERE)
    for program in ("ten_things.js", "made/due.js"):
        run("node", MADE / "js" / program, FLUX_URL=keyed_server.url, FLUX_KEY=keyed_server.key)


def test_datamodel_codegen(document: Path):
    rows = MADE / "rows.py"
    options = (
        "--input-file-type",
        "openapi",
        "--output-model-type",
        "pydantic_v2.BaseModel",
        "--formatters",
        "builtin",
    )
    assert run("datamodel-codegen", "--input", document, "--output", rows, *options) == ""
    run(PYTHON / "python", "-W", "error", rows)


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader[0])
def test_a_reader_finds_nothing_to_say_against_it(document: Path, reader: tuple[str, ...]):
    run(*reader, document)


def test_a_model_reads_it_in_few_tokens(document: Path):
    tokens = int(run("node", "--input-type=module", "--eval", COUNT_TOKENS, document))
    print(f"The document has {tokens} tokens of o200k_base.")
    assert tokens <= MAX_TOKENS


@pytest.mark.parametrize("program", [YAML, PRANCE], ids=["PyYAML", "prance"])
def test_a_library_reads_it(document: Path, program: str):
    run(PYTHON / "python", "-W", "error", "-c", program, document)
