"""kill -9 at random instants under load (TRUST §4, I1-I5): whatever a client was told stays true.

Clients order, finalize and download without pause while the server is killed and started again.
Afterwards every certificate that a client holds is in the store and unchanged, no serial was used
twice, no order has two certificates or hangs, and the database is sound.
"""

import http.client
import os
import random
import shutil
import sqlite3
import ssl
import tempfile
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from acmewire import Account, Order, b64, make_csr, wait_until
from peers import Responder, running
from servers import ROOT, AssayServe

KILLS = int(os.environ.get("ASSAY_KILLS", "200"))
CLIENTS = 4
DOWN = (OSError, http.client.HTTPException, ssl.SSLError)


class Restless:
    """A client that retries whatever the server did not answer."""

    def __init__(self, server, responder, number):
        self.server, self.responder, self.number = server, responder, number
        self.stop = threading.Event()
        self.finishing = False  # after the last kill: wait for every answer
        self.held = {}     # order URL -> PEM
        self.orders = []   # every order that was acknowledged
        self.wrong = []    # what must never happen
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.thread = threading.Thread(target=self.run, daemon=True)

    def again(self, function, *arguments):
        """Until the server answers; 5xx, badNonce and lost connections are tried again."""
        while True:
            try:
                got = function(*arguments)
            except DOWN:
                self.account.wire.nonces.clear()
            except AssertionError:
                self.account.wire.nonces.clear()  # newNonce without a nonce: a server going down
            else:
                if got.status < 500 and not (
                        got.status == 400 and got.problem() == "badNonce"):
                    return got
                self.account.wire.nonces.clear()
            if self.stop.is_set() and not self.finishing:
                raise Stopped
            time.sleep(0.01)

    def post(self, url, payload):
        return self.again(self.account.post, url, payload)

    def run(self):
        try:
            count = 0
            while not self.stop.is_set():
                # Every other order is for a name that is already proven.
                name = f"crash{self.number}.test" if count % 2 else f"c{self.number}-{count}.test"
                count += 1
                self.one(name)
        except Stopped:
            pass
        except Exception as error:  # a failure of the test, not of the load
            self.wrong.append(repr(error))

    def one(self, name):
        wire = self.account.wire
        got = self.post(wire.directory["newOrder"],
                        {"identifiers": [{"type": "dns", "value": name}]})
        if got.status != 201:
            self.wrong.append(("newOrder", got))
            return
        order = Order(self.account, got.location, got.json())
        self.orders.append(order)
        self.finish(order, name)

    def finish(self, order, name):
        csr = make_csr([name], self.key)
        for url in order.body["authorizations"]:
            body = self.post(url, None).json()
            if body["status"] == "pending":
                challenge = next(c for c in body["challenges"] if c["type"] == "http-01")
                self.responder.serve(challenge["token"], self.account.key_authorization(challenge))
                self.post(challenge["url"], {})
        while True:
            body = self.post(order.url, None).json()
            if body["status"] == "ready":
                got = self.post(body["finalize"], {"csr": b64(csr)})
                if got.status != 200 and got.problem() != "orderNotReady":
                    self.wrong.append(("finalize", got))
                    return
            elif body["status"] == "valid":
                got = self.post(body["certificate"], None)
                if got.status != 200:
                    self.wrong.append(("certificate", got))
                else:
                    self.held[order.url] = got.body
                return
            elif body["status"] == "invalid":
                self.wrong.append(("invalid", body))
                return
            if self.stop.is_set() and not self.finishing:
                raise Stopped
            time.sleep(0.01)


class Stopped(Exception):
    pass


@pytest.mark.assay
@pytest.mark.slow
def test_kill_at_random_instants():
    # On the disk of the tree: the durability of a RAM disk would prove nothing.
    (ROOT / "out").mkdir(exist_ok=True)
    directory = tempfile.mkdtemp(prefix="crash-", dir=ROOT / "out")
    server = AssayServe(directory)
    chance = random.Random(os.environ.get("ASSAY_SEED", "assay"))
    slowest = 0
    try:
        with running(Responder(server.http01_port)) as responder:
            clients = [Restless(server, responder, n) for n in range(CLIENTS)]
            for client in clients:
                client.account = Account(server.wire())
                client.account.wire.http.timeout = 10
                client.thread.start()
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.0, 0.25))
                server.kill()
                began = time.monotonic()
                server.start()
                slowest = max(slowest, time.monotonic() - began)
            time.sleep(0.5)
            for client in clients:
                client.stop.set()
            for client in clients:
                client.thread.join(60)
                assert not client.thread.is_alive(), "a client hangs"
                assert not client.wrong, client.wrong[:3]
            check(server, clients)
        # I12: it serves again soon.
        assert slowest < 5, slowest
    finally:
        server.close()
        shutil.rmtree(directory)


def check(server, clients):
    serials = {}
    for client in clients:
        client.finishing = True
        client.account.wire.nonces.clear()
        for order in client.orders:
            # I5: no order hangs in "processing".
            body = wait_until(lambda o=order, c=client: settled(c.post(o.url, None).json()), 60,
                              f"{order.url} hangs")
            held = client.held.get(order.url)
            if held is not None:
                # I1: what a client holds is in the store, unchanged.
                assert body["status"] == "valid"
                assert client.post(body["certificate"], None).body == held
            if body["status"] == "valid":
                pem = client.post(body["certificate"], None).body
                serial = x509.load_pem_x509_certificate(pem).serial_number
                # I2, I3: one serial, one certificate, one order.
                assert serials.setdefault(serial, order.url) == order.url
    assert sum(len(c.held) for c in clients) > KILLS / 4, "too little load to prove anything"
    client = clients[0]
    assert server.process.stop() == 0
    database = sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert database.execute("PRAGMA foreign_key_check").fetchall() == []
    tables = [row[0] for row in database.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table'")]
    checked = 0
    for table in tables:
        columns = [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
        if "serial" in columns and "cert" in table:
            doubles = database.execute(
                f"SELECT serial FROM {table} GROUP BY serial HAVING count(*) > 1").fetchall()
            assert doubles == [], (table, doubles[:3])
            stored = {
                int.from_bytes(row[0], "big") if isinstance(row[0], bytes) else int(row[0], 16)
                for row in database.execute(f"SELECT serial FROM {table}")
            }
            assert set(serials) <= stored
            checked += 1
    assert checked, tables
    database.close()
    server.start()
    client.account.wire.nonces.clear()
    assert client.post(client.account.url, None).json()["status"] == "valid"


def settled(body):
    return body if body["status"] != "processing" else None
