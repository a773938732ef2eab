"""What others say of an issued certificate: openssl, zlint, pkilint."""

import json
import os
import subprocess
import tempfile

from servers import ROOT, TOOLS, clean_environment

END = b"-----END CERTIFICATE-----\n"


def blocks(pem):
    return [part + END for part in pem.split(END) if part.strip()]


def openssl_verify(chain_pem, roots, *options):
    """Runs `openssl verify` on the first certificate with the others as untrusted."""
    leaf, *others = blocks(chain_pem)
    with tempfile.TemporaryDirectory() as directory:
        paths = []
        for name, octets in (("leaf", leaf), ("others", b"".join(others) or leaf)):
            paths.append(os.path.join(directory, name))
            with open(paths[-1], "wb") as file:
                file.write(octets)
        return subprocess.run(
            ["openssl", "verify", "-x509_strict", "-CAfile", str(roots), "-no-CApath",
             "-untrusted", paths[1], *options, paths[0]],
            capture_output=True, text=True, env=clean_environment(),
        )


def verify(chain_pem, roots, *options):
    done = openssl_verify(chain_pem, roots, *options)
    assert done.returncode == 0, (done.stdout, done.stderr)


def zlint(pem):
    """lint -> result, for what is worse than a notice."""
    done = subprocess.run(
        [TOOLS / "zlint", "-format", "pem", "/dev/stdin"], input=pem, capture_output=True
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    return {k: v["result"] for k, v in found.items() if v["result"] in ("warn", "error", "fatal")}


def pkilint(pem, *linter):
    """code -> severity, for what is worse than a notice."""
    with tempfile.NamedTemporaryFile(suffix=".pem") as file:
        file.write(pem)
        file.flush()
        done = subprocess.run(
            [ROOT / "out" / "venv" / "bin" / linter[0], "lint", *linter[1:], "-f", "JSON",
             file.name],
            capture_output=True, text=True,
        )
    report = json.loads(done.stdout)
    found = {}
    for node in report["results"]:
        for finding in node["finding_descriptions"]:
            if finding["severity"] in ("WARNING", "ERROR", "FATAL"):
                found[finding["code"]] = finding["severity"]
    return found
