"""An MCP server: the service as a few tools for language models. `flask mcp` starts it."""
