"""Known vulnerabilities of what is installed, by pip-audit; said to be skipped where its database cannot be reached."""

from __future__ import annotations

import json
import subprocess
import sys

SKIPPED = "pip-audit: skipped, its database cannot be reached from here"


def main() -> int:
    """Print what is vulnerable; 1 where something is."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--skip-editable",
        "--progress-spinner",
        "off",
        "--format",
        "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    try:
        found = json.loads(done.stdout)["dependencies"]
    except ValueError:
        found = []
    known = [d for d in found if "skip_reason" not in d]
    if not known:
        print(SKIPPED)
        return 0
    vulnerable = [(d, v) for d in known for v in d["vulns"]]
    for dependency, vulnerability in vulnerable:
        mended = ", ".join(vulnerability["fix_versions"]) or "no release yet"
        print(f"{dependency['name']} {dependency['version']}: {vulnerability['id']}, mended in {mended}")
    print(f"pip-audit: {len(known)} distributions, {len(vulnerable)} known vulnerabilities")
    return int(bool(vulnerable))


if __name__ == "__main__":
    sys.exit(main())
