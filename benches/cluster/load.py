"""Runs a load on Ray: reads what it is as JSON, and prints what came of it as JSON.

calls   1 KB to an async actor in a process of its own and back, 64 at once
waits   so many async actors that wait, each so many at once; whoever has room takes the next
idle    a node that does nothing: when it is there, and its memory
"""

import asyncio
import json
import os
import sys
import time

os.environ.setdefault("RAY_DEDUP_LOGS", "0")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

import ray

CALLS_AT_ONCE = 64
CALL_SECONDS = 10


@ray.remote(num_cpus=0, max_concurrency=1_000)
class Actor:
    async def echo(self, body):
        return body

    async def wait(self, seconds):
        await asyncio.sleep(seconds)


def start():
    # As many processors as there are actors: they only wait.
    ray.init(num_cpus=4, include_dashboard=False, logging_level="error", log_to_driver=False)


def calls():
    """The better of two ways to keep 64 calls under way: tasks of asyncio, and whole groups."""
    actor = Actor.remote()
    body = b"\7" * 1024
    ray.get([actor.echo.remote(body) for _ in range(1_000)])

    async def by_tasks():
        end, done = time.monotonic() + CALL_SECONDS, 0

        async def caller():
            nonlocal done
            while time.monotonic() < end:
                await actor.echo.remote(body)
                done += 1

        await asyncio.gather(*(caller() for _ in range(CALLS_AT_ONCE)))
        return done

    began = time.monotonic()
    by_tasks = asyncio.run(by_tasks()) / (time.monotonic() - began)
    began, done = time.monotonic(), 0
    while time.monotonic() - began < CALL_SECONDS:
        done += len(ray.get([actor.echo.remote(body) for _ in range(CALLS_AT_ONCE)]))
    by_groups = done / (time.monotonic() - began)
    return {"rate": max(by_tasks, by_groups), "by_tasks": by_tasks, "by_groups": by_groups}


def waits(load):
    actors = [Actor.remote() for _ in range(load["processes"])]
    ray.get([actor.wait.remote(0) for actor in actors])
    queue = iter(load["seconds"])

    async def place(actor):
        for seconds in queue:
            await actor.wait.remote(seconds)

    async def run():
        await asyncio.gather(*(place(actor) for actor in actors for _ in range(load["at_once"])))

    began = time.monotonic()
    asyncio.run(run())
    return {"seconds": time.monotonic() - began}


def memory(pid):
    try:
        with open(f"/proc/{pid}/smaps_rollup") as lines:
            return sum(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:"))
    except OSError:
        return 0.0


def descendants(root):
    parents = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                parents.setdefault(int(file.read().rpartition(")")[2].split()[1]), []).append(int(pid))
        except OSError:
            pass
    found, left = [], [root]
    while left:
        children = parents.get(left.pop(), [])
        found += children
        left += children
    return found


def idle(load, seconds):
    time.sleep(load["seconds"])
    # Without this program, which is no part of the node.
    return {"seconds": seconds, "megabytes": sum(map(memory, descendants(os.getpid())))}


def main():
    load = json.load(sys.stdin)
    began = time.monotonic()
    start()
    seconds = time.monotonic() - began
    figures = {"calls": calls, "waits": lambda: waits(load), "idle": lambda: idle(load, seconds)}[load["load"]]()
    print(json.dumps(figures))


main()
