"""Delete from a broker what a test's queue has left there."""

from __future__ import annotations


def forget_on_redis(url: str, queue: str) -> None:
    """Every key of the queue: Celery's on Redis all begin with its name."""
    import redis

    with redis.Redis.from_url(url) as client:
        for key in client.scan_iter(f"{queue}*", count=1000):
            client.delete(key)


def forget_on_rabbitmq(url: str, queue: str) -> None:
    """The queue and its exchange."""
    from kombu import Connection

    with Connection(url) as connection:
        channel = connection.channel()
        channel.queue_delete(queue)
        channel.exchange_delete(queue)
