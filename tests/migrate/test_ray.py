"""The Ray engine on a cluster of two nodes: the same answers, whatever is lost under way."""

import os
import sys
import threading
import time

import pytest
from repositories import contents, fixed, git, softplus

ray = pytest.importorskip("ray", reason="Ray is not installed")

STAND_IN = """
import os, signal, sys, time
if any("default_worker" in part for part in sys.orig_argv):
    from lossfix.proving import Prover
    from repositories import prove
    def slow(self, before, after, path, findings, contract, after_at, twin=""):
        with open(os.path.join({folder!r}, f"{{os.getpid()}}-{{path.name}}"), "w"):
            pass
        time.sleep(0.3)
        if path.name == "poison.py":
            os.kill(os.getpid(), signal.SIGKILL)
        return prove(self, before, after, path, findings, contract, after_at, twin)
    Prover.prove = slow
"""


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Two nodes of one processor each, whose workers have the stand-in for the prover."""
    from ray.cluster_utils import Cluster

    hooks = tmp_path / "hooks"
    hooks.mkdir()
    (tmp_path / "seen").mkdir()
    (hooks / "sitecustomize.py").write_text(STAND_IN.format(folder=str(tmp_path / "seen")))
    here = os.path.dirname(__file__)
    path = os.pathsep.join([str(hooks), here, os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "0")
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    made.second = made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.fixture
def losses(repository):
    for number in range(12):
        (repository / f"m{number:02}.py").write_text(softplus())
    git("add", "-A")
    git("commit", "-q", "-m", "more")
    return repository


def apply(lossfix, *more):
    return lossfix("migrate", ".", "--until", "apply", *more)


def test_a_cluster_gives_what_the_pool_gives_though_a_node_is_lost(
    lossfix, losses, cluster, tmp_path
):
    (losses / "poison.py").write_text(softplus("poison_loss"))
    before = contents(losses)

    def lose_a_node():
        until = time.monotonic() + 120
        while len(os.listdir(tmp_path / "seen")) < 3 and time.monotonic() < until:
            time.sleep(0.1)
        cluster.remove_node(cluster.second, allow_graceful=False)

    killer = threading.Thread(target=lose_a_node)
    killer.start()
    ran = apply(lossfix, "--engine", "ray", "--address", cluster.address)
    killer.join()
    assert "poison.py:5:27: LF115 softplus needs a person" in ran.out
    assert (losses / "poison.py").read_text() == softplus("poison_loss")
    spread = contents(losses)
    lossfix("undo")
    assert contents(losses) == before
    (losses / "poison.py").unlink()
    (losses / ".lossfix" / "journal.sqlite").unlink()
    apply(lossfix, "-j", "1")
    spread.pop(b"poison.py")
    assert contents(losses) == spread
    assert spread[b"m11.py"].decode() == fixed(softplus())


def test_a_cluster_that_goes_away_costs_nothing(lossfix, losses, cluster, tmp_path):
    def lose_it():
        until = time.monotonic() + 120
        while len(os.listdir(tmp_path / "seen")) < 2 and time.monotonic() < until:
            time.sleep(0.1)
        cluster.head_node.kill_all_processes(check_alive=False)
        cluster.second.kill_all_processes(check_alive=False)

    killer = threading.Thread(target=lose_it)
    killer.start()
    ran = apply(lossfix, "--engine", "ray", "--address", cluster.address, "-j", "1")
    killer.join()
    assert "files are done on this machine" in ran.err
    assert (losses / "m11.py").read_text() == fixed(softplus())


def test_a_cluster_that_is_not_there_is_one_line(lossfix, losses, monkeypatch):
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "2")
    before = contents(losses)
    ran = apply(lossfix, "--engine", "ray", "--address", "127.0.0.1:1")
    assert ran.code == 2
    assert ran.err.splitlines()[-1].startswith("error: --engine ray: the cluster cannot be used")
    assert contents(losses) == before


@pytest.mark.skipif(sys.platform != "linux", reason="devices are looked for in /dev")
def test_a_gpu_that_no_node_has_is_an_error_and_no_wait(losses, cluster):
    from lossfix.errors import MigrateError
    from lossfix.migrate.on_ray import Cluster
    from lossfix.migrate.tasks import VERIFY, Setup, Task

    setup = Setup(str(losses), device="gpu")
    task = Task(VERIFY, "plus.py", "", (), ((), (), ()), (), None, False)
    with pytest.raises(MigrateError, match="it has no GPU"):
        list(Cluster(setup, ["plus.py"], cluster.address, 1).run([task], [1]))
