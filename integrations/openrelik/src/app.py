"""The Celery application, as OpenRelik starts it: `celery --app=src.app worker -Q openrelik-worker-winsessions`."""

import os

from celery.app import Celery

REDIS_URL = os.getenv("REDIS_URL") or "redis://localhost:6379/0"

# A task that is not acknowledged by then is given to another worker: more than the longest host takes.
LONGEST_SECONDS = int(os.getenv("WINSESSIONS_LONGEST_SECONDS") or 24 * 3600)

celery = Celery(broker=REDIS_URL, backend=REDIS_URL, include=["src.tasks"])

# A killed worker's host is done again by another: a task counts as done when it is, and nobody holds one in store.
celery.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    broker_transport_options={"visibility_timeout": LONGEST_SECONDS},
    result_backend_transport_options={"visibility_timeout": LONGEST_SECONDS},
    visibility_timeout=LONGEST_SECONDS,
    broker_connection_retry_on_startup=True,
)
