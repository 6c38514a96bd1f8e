"""How gunicorn serves Gatehouse. What an operator may choose is in the environment (.env.example)."""

import gc
import math
import os
import resource
import sys

from gateway_site import env
from gateway_site.worker import Worker

os.umask(0o077)  # what the workers and the ingester keep is for its owner alone

GARBAGE = 20_000  # objects made since the last look for cycles; with Python's 700 that is 5 % of a call

_soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(
    resource.RLIMIT_NOFILE, (_hard, _hard)
)  # a stream takes two; Debian's 1,024 are 500 streams

_host = env.text("HOST", "127.0.0.1")
bind = f"{f'[{_host}]' if ':' in _host else _host}:{env.whole('PORT', 8000, least=1)}"
wsgi_app = "gateway_site.wsgi:application"

worker_class = "gateway_site.worker.Worker"
workers = env.whole("WEB_CONCURRENCY", min(len(os.sched_getaffinity(0)), 4), least=1)
worker_connections = 10_000
preload_app = False  # gevent patches the standard library after the fork
timeout = 60  # seconds a worker's loop may be held before the master ends the worker
graceful_timeout = math.ceil(env.number("GRACE_SECONDS", 120)) + 5  # after the grace, time to say goodbye
keepalive = 75  # longer than load balancers keep theirs, so that it is they who close

limit_request_field_size = 128 * 1024  # a config may stand in a header
limit_request_line = 8190
forwarded_allow_ips = ",".join(env.names("TRUSTED_PROXIES"))

control_socket_disable = True
accesslog = None
errorlog = "-"
loglevel = env.text("LOG_LEVEL", "INFO").lower()


def post_worker_init(worker: Worker) -> None:
    """Every worker sees to it that the journal is read, and whether it is ready before anybody asks.

    What stays for good is no garbage to look for.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE, 20, 20)
    import threading  # as gevent has left it

    from gateway_site import health
    from logs import spawn

    worker.leaving = threading.Event()
    threading.Thread(target=spawn.watch, args=[worker.leaving], name="ingester", daemon=True).start()
    threading.Thread(target=health.READINESS.refresh, name="ready", daemon=True).start()


def worker_int(worker: Worker) -> None:
    """At SIGINT and SIGQUIT there is no grace: running calls are told at once."""
    if watch := sys.modules.get("proxy.watch"):
        watch.interrupt_all()


def worker_exit(server: object, worker: Worker) -> None:
    """A worker that ends starts nothing any more, but for somebody to read what it wrote."""
    if worker.leaving is not None:
        from logs import spawn

        worker.leaving.set()
        spawn.ensure_ingester()
