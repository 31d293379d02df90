"""`flask mcp`: the tools for language models, over standard input and output or over HTTP."""

import os

import click

from app.cli.common import readable_errors

URL, KEY = "FLUX_URL", "FLUX_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"


@click.command("mcp")
@click.option("--http", is_flag=True, help="Serve streamable HTTP at /mcp instead of standard input and output.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address for --http.")
@click.option("--port", default=8002, show_default=True, help="The port for --http.")
@click.option("--read-only", is_flag=True, help="Only the tools that change nothing.")
@readable_errors
def mcp_command(http: bool, host: str, port: int, read_only: bool) -> None:
    """Offer a running service, FLUX_URL with the key FLUX_KEY, to language models by MCP.

    At --http whoever reaches the port acts with that key; it is for this machine, or behind what asks for its own.
    """
    try:
        from app.mcp.server import make_server
        from app.mcp.service import Service
    except ImportError as error:
        raise click.ClickException(f"{error.name} is missing. Run pip install -r requirements-mcp.txt.") from None
    server = make_server(Service(os.environ.get(URL) or DEFAULT_URL, os.environ.get(KEY)), read_only)
    if http:
        server.run("streamable-http", host=host, port=port)
    else:
        server.run("stdio")
