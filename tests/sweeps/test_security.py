"""A sweep opens no door: nothing listens beyond this machine, and nobody without its key is served."""

import http.client
import socket

import psutil
import pytest
from distributed import Client
from small_studies import quick

from experiments.runs.cluster import cluster
from experiments.sweeps.engine import sweep


def listening():
    """Addresses on which this process and its children accept connections."""
    processes = [psutil.Process(), *psutil.Process().children(recursive=True)]
    return {
        (connection.laddr.ip, connection.laddr.port)
        for process in processes
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }


def test_a_sweep_listens_on_loopback_alone_and_serves_nobody_without_its_key(tmp_path):
    before, doors = listening(), {}

    def look(progress):
        for host, port in listening() - before:
            doors[host, port] = answer(host, port, "/info/main/workers.html")

    assert sweep(quick(replicates=1), tmp_path, workers=2, progress=look) == 0
    assert doors
    assert {host for host, _ in doors} == {"127.0.0.1"}
    # And no page tells anything.
    assert 200 not in doors.values()


def answer(host, port, path):
    """The status of an HTTP request, or None where no HTTP is spoken or nothing listens any more."""
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


@pytest.mark.slow
def test_the_dashboard_answers_where_it_was_asked_to_and_on_loopback_alone(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    before, doors, pages = listening(), [], set()

    def look(progress):
        doors.extend(listening() - before)
        pages.add(answer("127.0.0.1", port, "/info/main/workers.html"))

    assert sweep(quick(replicates=1), tmp_path, workers=1, dashboard=port, progress=look) == 0
    assert ("127.0.0.1", port) in doors
    assert pages == {200}
    assert {host for host, _ in doors} == {"127.0.0.1"}


def test_a_stranger_cannot_connect_to_the_scheduler():
    with cluster(1, None) as client:
        assert client.submit(abs, -1).result() == 1
        assert client.scheduler.address.startswith("tls://127.0.0.1:")
        port = client.scheduler.address.rpartition(":")[2]
        with pytest.raises((OSError, TypeError)):
            Client(f"tcp://127.0.0.1:{port}", timeout="3s")
        with pytest.raises((OSError, TypeError)):
            Client(f"tls://127.0.0.1:{port}", timeout="3s")
