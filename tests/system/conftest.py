"""Fixtures. `server` is one `assay dev` for the whole run; a test that changes settings, kills or
turns the clock starts its own."""

import os

import pytest

from acmewire import Account
from peers import Responder
from servers import TRUST_VARIABLES, AssayServe, dev_server

for variable in TRUST_VARIABLES:
    os.environ.pop(variable, None)


def pytest_collection_modifyitems(items):
    """Tests marked `assay` speak of what only Assay promises."""
    if os.environ.get("ASSAY_TEST_SERVER", "assay") == "assay":
        return
    for item in items:
        if item.get_closest_marker("assay"):
            item.add_marker(pytest.mark.skip(reason="only Assay promises this"))


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    made = dev_server(tmp_path_factory.mktemp("dev"))
    yield made
    made.close()


@pytest.fixture(autouse=True)
def alive(request):
    """The test during which a shared server ends is the one that fails; the others get a new one."""
    yield
    for name in ("server", "served"):
        if name in request.fixturenames:
            shared = request.getfixturevalue(name)
            status = shared.process.process.poll()
            if status is not None:
                told = shared.process.output()[-4000:]
                shared.start()
                pytest.fail(f"the server ended with {status}:\n{told}")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    made = AssayServe(tmp_path_factory.mktemp("serve"))
    yield made
    made.close()


@pytest.fixture
def wire(server):
    return server.wire()


@pytest.fixture
def account(wire):
    return Account(wire)


@pytest.fixture
def responder(server):
    made = Responder(server.http01_port)
    yield made
    made.close()


@pytest.fixture(scope="session")
def name():
    """Fresh names, so that tests share no authorization."""
    count = iter(range(1, 1 << 30))
    return lambda label="t": f"{label}{next(count)}.test"
