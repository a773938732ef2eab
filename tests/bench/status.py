#!/usr/bin/env python3
"""What it costs to say what became of certificates: OCSP answers a second on one core, and a revocation list
of a million entries. Prints the tables of docs/performance.md.

    tests/bench/status.py [--smoke] [ocsp] [crl]

The server (all its threads and the signer) runs on core 0, the load on core 1, all on loopback.
ASSAY_PROGRAMS is the folder with assay and assay-signer, ASSAY_STATUS_LOAD the load's program. SECONDS (5),
CONNECTIONS (32) and ENTRIES (1000000) say how much. --smoke: little of each, nothing is pinned, only that
all goes through."""

import os
import pathlib
import re
import sqlite3
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

from acmewire import wait_until  # noqa: E402
from peers import free_port  # noqa: E402
from servers import AssayServe  # noqa: E402

LOAD = os.environ.get("ASSAY_STATUS_LOAD") or str(HERE.parent.parent / "out/default/tests/bench/assay-status-load")
SMOKE = "--smoke" in sys.argv
SECONDS = "1" if SMOKE else os.environ.get("SECONDS", "5")
CONNECTIONS = "4" if SMOKE else os.environ.get("CONNECTIONS", "32")
ENTRIES = 2000 if SMOKE else int(os.environ.get("ENTRIES", "1000000"))
CERTIFICATES = 3 if SMOKE else 20


def children(pid):
    found = [pid]
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += children(int(child))
    return found


def pin(server):
    if SMOKE or os.cpu_count() < 2:
        return
    for pid in children(server.process.pid):
        subprocess.run(["taskset", "-a", "-p", "1", str(pid)], check=True, capture_output=True)


def cpu_s(server):
    """User and system time of the server's own process."""
    fields = pathlib.Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_kib(server):
    return sum(int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1])
               for pid in children(server.process.pid))


def serve(directory):
    plain = free_port()

    def edit(text):
        more = (f"    ocsp_url: http://127.0.0.1:{plain}/ocsp\n"
                f"    crl_url: http://127.0.0.1:{plain}/crl/ca.crl\n")
        text = text.replace("authorities:\n  ca:\n", "authorities:\n  ca:\n" + more)
        text = re.sub(r"(?m)^listen:\n", f"listen:\n  http: [\"127.0.0.1:{plain}\"]\n", text)
        return text + "threads: 1\n"

    server = AssayServe(directory, edit=edit)
    server.plain = plain
    return server


def questions(server, directory):
    """One OCSP question for each of some certificates, as openssl asks."""
    chain = server.data / "ca/chain.pem"
    made = []
    for n in range(CERTIFICATES):
        out = directory / f"c{n}"
        server.run("cert", "issue", "--dns", f"c{n}.test", "--out", out)
        leaf = next(p for p in sorted(out.parent.glob(f"c{n}*")) + sorted(out.glob("*"))
                    if p.is_file() and b"BEGIN CERTIFICATE" in p.read_bytes())
        made.append(directory / f"q{n}.der")
        subprocess.run(["openssl", "ocsp", "-issuer", chain, "-cert", leaf, "-no_nonce", "-reqout", made[-1]],
                       check=True, capture_output=True)
    return made


def load(port, transport, method, files):
    command = [] if SMOKE or os.cpu_count() < 2 else ["taskset", "-c", "1"]
    done = subprocess.run([*command, LOAD, "127.0.0.1", str(port), transport, method, CONNECTIONS, SECONDS, *files],
                          capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    answers, seconds = done.stdout.split()
    return int(answers), float(seconds)


def bench_ocsp():
    print("| OCSP | answers/s | CPU µs per answer | answers per second of the server's CPU |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as directory:
        server = serve(pathlib.Path(directory) / "server")
        try:
            files = questions(server, pathlib.Path(directory))
            pin(server)
            for transport, port in (("plain", server.plain), ("tls", server.port)):
                for method in ("get", "post"):
                    before = cpu_s(server)
                    answers, seconds = load(port, transport, method, files)
                    cpu = max(cpu_s(server) - before, 0.001)
                    name = f"{'HTTP' if transport == 'plain' else 'TLS'}, {method.upper()}"
                    print(f"| {name} | {answers / seconds:,.0f} | {cpu / answers * 1e6:.1f} | {answers / cpu:,.0f} |",
                          flush=True)
        finally:
            server.close()


def revoke_many(server):
    """Copies of one revoked certificate's row, each with a serial of its own."""
    with sqlite3.connect(server.database) as db:
        columns = [row[1] for row in db.execute("PRAGMA table_info(certs)")]
        template = dict(zip(columns, db.execute("SELECT * FROM certs WHERE revoked_at > 0 LIMIT 1").fetchone()))
        names = ", ".join(f'"{c}"' for c in columns)
        marks = ", ".join(f":{c}" for c in columns)

        def rows():
            for n in range(ENTRIES):
                yield {**template, "serial": template["serial"][:12] + n.to_bytes(8, "big"),
                       **({"id": os.urandom(16)} if "id" in columns else {})}

        db.executemany(f"INSERT OR IGNORE INTO certs ({names}) VALUES ({marks})", rows())
        made = db.execute("SELECT count(*) FROM certs WHERE revoked_at > 0").fetchone()[0]
    db.close()
    return made


def published(server):
    """(octets, took_ms) of each published list, as the server's log tells."""
    return [(int(o), int(t)) for o, t in re.findall(r"crl_published.*?octets\W+(\d+).*?took_ms\W+(\d+)", server.process.output())]


def bench_crl():
    with tempfile.TemporaryDirectory() as directory:
        server = serve(pathlib.Path(directory) / "server")
        try:
            server.run("cert", "issue", "--dns", "one.test", "--out", pathlib.Path(directory) / "one")
            serial = re.search(r'"serial":\s*"([0-9a-f]+)"', server.run("cert", "list", "--json").stdout)[1]
            server.run("cert", "revoke", serial)
            server.process.stop()
            made = revoke_many(server)
            begin = time.monotonic()
            server.start()
            ready = time.monotonic() - begin
            wait_until(lambda: published(server), 120, "list")
            octets, took = published(server)[-1]
            print("| CRL entries | octets | from the first row to the published list | server ready after | peak memory |")
            print("|---|---|---|---|---|")
            print(f"| {made:,} | {octets:,} | {took / 1000:.2f} s | {ready:.1f} s | {peak_kib(server) / 1024:.0f} MiB |")
            assert SMOKE or (took < 5000 and peak_kib(server) < 1024 * 1024), "more than 5 s or 1 GiB"
        finally:
            server.close()


if __name__ == "__main__":
    wanted = [a for a in sys.argv[1:] if not a.startswith("-")] or ["ocsp", "crl"]
    for name in wanted:
        {"ocsp": bench_ocsp, "crl": bench_crl}[name]()
        print(flush=True)
