"""/metrics: what Prometheus reads, and what no client can make grow."""

import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest

from acmewire import Account, Key, wait_until
from peers import Responder, free_port
from servers import AssayServe

pytestmark = pytest.mark.assay


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    port = free_port()

    def listen(text):
        return re.sub(r"(?m)^(  acme: .*)$", rf'\1\n  metrics: ["127.0.0.1:{port}"]', text, count=1)

    made = AssayServe(tmp_path_factory.mktemp("metrics"), edit=listen)
    made.metrics = f"http://127.0.0.1:{port}/metrics"
    yield made
    made.close()


def fetch(server, accept=None, url=None):
    request = urllib.request.Request(url or server.metrics, headers={"Accept": accept} if accept else {})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def value(text, series):
    for line in text.splitlines():
        if line.startswith(series + " "):
            return float(line.rsplit(" ", 1)[1])
    raise AssertionError(series)


def series(text):
    return {line.rsplit(" ", 1)[0] for line in text.splitlines() if not line.startswith("#")}


def test_promtool_finds_nothing(measured):
    promtool = shutil.which("promtool")
    if not promtool:
        pytest.skip("promtool (Debian: prometheus) is not installed")
    kind, text = fetch(measured)
    assert kind.startswith("text/plain; version=0.0.4")
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_openmetrics_when_asked_for(measured):
    kind, text = fetch(measured, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5")
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert text.endswith("\n# EOF\n")
    families = re.findall(r"(?m)^# TYPE (\S+) counter$", text)
    assert families and not [f for f in families if f.endswith("_total")]
    for name in families:
        assert re.search(rf"(?m)^{name}_total[ {{]", text)


def test_what_happens_is_counted(measured):
    _, before = fetch(measured)
    responder = Responder(measured.http01_port)
    account = Account(measured.wire())
    account.order("m1.test").issue(responder)
    account.order("m2.test").fail(responder)
    responder.close()
    _, after = fetch(measured)

    def grown(name):
        return value(after, name) - value(before, name)

    assert grown('assay_accounts_total{event="created"}') == 1
    assert grown('assay_orders_total{event="created"}') == 2
    assert grown('assay_orders_total{event="valid"}') == 1
    assert grown("assay_certificates_issued_total") == 1
    assert grown('assay_validations_total{type="http-01",outcome="valid"}') == 1
    assert grown('assay_validations_total{type="http-01",outcome="invalid"}') == 1
    assert grown('assay_validation_duration_seconds_count{type="http-01"}') == 2
    assert grown('assay_http_requests_total{endpoint="new-order",status="2xx"}') == 2
    assert grown('assay_http_request_duration_seconds_count{endpoint="new-order"}') == 2
    assert value(after, 'assay_http_request_duration_seconds_bucket{endpoint="new-order",le="+Inf"}') == \
        value(after, 'assay_http_request_duration_seconds_count{endpoint="new-order"}')
    assert value(after, "assay_ready") == 1
    assert value(after, 'assay_certificates{left="90d"}') >= 1
    for kind in ("certificate", "crl", "checkpoint", "ocsp-responder", "none"):
        assert value(after, f'assay_signer_requests_total{{kind="{kind}",outcome="failed"}}') == 0
        assert value(after, f'assay_signer_duration_seconds_count{{kind="{kind}"}}') == \
            value(after, f'assay_signer_requests_total{{kind="{kind}",outcome="answered"}}')
    assert grown('assay_signer_requests_total{kind="certificate",outcome="answered"}') == 1
    assert value(after, "assay_signer_wait_seconds_count") >= 3
    assert grown("assay_job_wait_seconds_count") >= 3  # two validations, one issuance
    assert value(after, "assay_signer_waiting") == 0
    assert 0 < value(after, 'assay_crl_next_update_timestamp_seconds{authority="ca",kind="full"}') - time.time() <= 7 * 86400
    assert value(after, 'assay_authority_not_after_timestamp_seconds{authority="ca"}') > time.time()
    assert wait_until(lambda: value(
        fetch(measured)[1], 'assay_signer_requests_total{kind="none",outcome="answered"}'), 30, "ping")


def test_failures_of_the_dns_are_counted(measured):
    _, before = fetch(measured)
    responder = Responder(measured.http01_port)
    measured.nameserver.hosts["dnsfail.test"] = "servfail"
    Account(measured.wire()).order("dnsfail.test").fail(responder)
    responder.close()
    _, after = fetch(measured)
    name = 'assay_dns_failures_total{kind="refused"}'
    assert value(after, name) > value(before, name)


def test_no_client_makes_it_grow(measured):
    _, before = fetch(measured)
    wire = measured.wire()
    for n in range(50):
        wire.get(f"{wire.directory['newOrder']}{n}")
        wire.get(f"{wire.directory['newOrder']}/../\"{n}")
        wire.post(wire.directory["newAccount"], {"termsOfServiceAgreed": True, "contact": [f"x:{n}"]}, Key())
    _, after = fetch(measured)
    assert series(after) == series(before)
    assert value(after, 'assay_http_requests_total{endpoint="other",status="4xx"}') >= 50


def test_nothing_else_is_served_there(measured):
    for path in ("/", "/metrics/", "/acme/directory", "/root.pem", "/v1/status"):
        with pytest.raises(urllib.error.HTTPError) as refusal:
            fetch(measured, url=measured.metrics[:-len("/metrics")] + path)
        assert refusal.value.code == 404
    request = urllib.request.Request(measured.metrics, data=b"x", method="POST")
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request)
    assert refusal.value.code == 405
    # And not where strangers are.
    assert measured.wire().get(measured.directory.split("/acme")[0] + "/metrics").status == 404
