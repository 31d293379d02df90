"""Ask PyPI for known vulnerabilities of every pinned package; say so, and go on, where it cannot be asked."""

import json
import subprocess
import sys
from typing import Any

from app.config import PROJECT

COMMAND = ("-m", "pip_audit", "--requirement", "requirements-dev.txt", "--no-deps", "--disable-pip",
           "--progress-spinner", "off", "--timeout", "10", "--format", "json")  # fmt: skip


def verdict(report: str) -> tuple[int, str]:
    """The exit code and the sentences for what pip-audit wrote; nothing when it reached nobody."""
    dependencies: list[dict[str, Any]] = json.loads(report)["dependencies"] if report.strip() else []
    found = [
        f"{each['name']} {each['version']} has {flaw['id']}; mended in: {', '.join(flaw['fix_versions']) or 'none'}."
        for each in dependencies
        for flaw in each.get("vulns", ())
    ]
    asked = [each["name"] for each in dependencies if "vulns" in each]
    if found:
        return 1, "\n".join(found)
    if not asked:
        return 0, "The packages are not checked for known vulnerabilities: the service that knows them is not reached."
    return 0, f"{len(asked)} of {len(dependencies)} packages are checked, and none has a known vulnerability."


if __name__ == "__main__":
    done = subprocess.run([sys.executable, *COMMAND], cwd=PROJECT, capture_output=True, text=True, check=False)
    code, sentences = verdict(done.stdout)
    print(sentences)
    if not done.stdout:
        # It is left out for want of the internet, or because pip-audit itself fails; its last line tells which.
        print(f"pip-audit said: {done.stderr.strip().rpartition(chr(10))[2]}")
    sys.exit(code)
