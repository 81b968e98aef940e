from __future__ import annotations

import asyncio
import time

from llmapi_conformance.sending.lanes import Lanes


def test_no_more_requests_are_under_way_than_the_target_allows() -> None:
    async def run() -> int:
        lanes, inside, most = Lanes(3, 0), 0, 0

        async def one() -> None:
            nonlocal inside, most
            async with lanes.request("shared", ["k"]):
                inside += 1
                most = max(most, inside)
                await asyncio.sleep(0.005)
                inside -= 1

        await asyncio.gather(*(one() for _ in range(20)))
        return most

    assert asyncio.run(run()) == 3


def test_requests_start_no_faster_than_the_rate_allows() -> None:
    async def run() -> float:
        lanes = Lanes(50, 100)

        async def one() -> None:
            async with lanes.request("shared", ["k"]):
                pass

        start = time.monotonic()
        await asyncio.gather(*(one() for _ in range(11)))
        return time.monotonic() - start

    assert asyncio.run(run()) >= 0.095


def test_an_own_key_is_used_by_nobody_else_meanwhile() -> None:
    async def run() -> list[str]:
        lanes, seen = Lanes(8, 0), []

        async def owner() -> None:
            async with lanes.scenario("own_key", ["k"]):
                seen.append("owner in")
                async with lanes.request("own_key", ["k"]):
                    await asyncio.sleep(0.01)
                seen.append("owner out")

        async def other(key: str) -> None:
            await asyncio.sleep(0.002)
            async with lanes.request("shared", [key]):
                seen.append(key)

        await asyncio.gather(owner(), other("k"), other("another"))
        return seen

    assert asyncio.run(run()) == ["owner in", "another", "owner out", "k"]


def test_an_exclusive_scenario_waits_for_all_and_all_wait_for_it() -> None:
    async def run() -> list[str]:
        lanes, seen = Lanes(8, 0), []

        async def before() -> None:
            async with lanes.request("shared", ["k"]):
                seen.append("before")
                await asyncio.sleep(0.01)
                seen.append("before done")

        async def alone() -> None:
            await asyncio.sleep(0.002)
            async with lanes.scenario("exclusive", ["k"]), lanes.request("exclusive", ["k"]):
                seen.append("alone")
                await asyncio.sleep(0.005)
                seen.append("alone done")

        async def after() -> None:
            await asyncio.sleep(0.004)
            async with lanes.request("shared", ["other"]):
                seen.append("after")

        await asyncio.gather(before(), alone(), after())
        return seen

    assert asyncio.run(run()) == ["before", "before done", "alone", "alone done", "after"]


def test_owners_of_two_keys_that_need_each_other_do_not_wait_for_ever() -> None:
    async def run() -> None:
        lanes = Lanes(8, 0)

        async def owner(keys: list[str]) -> None:
            async with lanes.scenario("own_key", keys), lanes.request("own_key", keys):
                await asyncio.sleep(0.002)

        async with asyncio.timeout(20):
            await asyncio.gather(owner(["a", "b"]), owner(["b", "a"]), owner(["a"]), owner(["b"]))

    asyncio.run(run())


def test_a_cancelled_waiter_does_not_lock_the_others_out() -> None:
    async def run() -> None:
        lanes = Lanes(8, 0)

        async def own() -> None:
            async with lanes.scenario("own_key", ["k"]):
                await asyncio.sleep(10)

        async with lanes.request("shared", ["k"]):
            waiter = asyncio.create_task(own())
            await asyncio.sleep(0.005)
            waiter.cancel()
            await asyncio.gather(waiter, return_exceptions=True)
            async with asyncio.timeout(20), lanes.request("shared", ["k"]):
                pass

    asyncio.run(run())


def test_a_request_in_the_midst_of_another_does_not_wait_for_it() -> None:
    async def run() -> list[str]:
        lanes, seen = Lanes(1, 0), []

        async def outer() -> None:
            async with lanes.request("shared", ["k"]):
                await asyncio.sleep(0.01)  # meanwhile somebody waits to be alone
                async with lanes.request("shared", ["k"]):
                    seen.append("inner")
            async with lanes.request("shared", ["k"]):
                seen.append("next")

        async def alone() -> None:
            await asyncio.sleep(0.002)
            async with lanes.scenario("exclusive", ["k"]):
                seen.append("alone")

        async with asyncio.timeout(20):
            await asyncio.gather(outer(), alone())
        return seen

    assert asyncio.run(run()) == ["inner", "alone", "next"]


def test_of_those_who_wait_the_one_that_is_furthest_along_goes_first() -> None:
    async def run() -> list[int]:
        lanes, seen = Lanes(1, 0), []

        async def one(progress: int) -> None:
            async with lanes.request("shared", ["k"], progress):
                seen.append(progress)
                await asyncio.sleep(0.001)

        await asyncio.gather(*(one(progress) for progress in (1, 1, 3, 2, 7)))
        return seen

    assert asyncio.run(run()) == [1, 7, 3, 2, 1]


def test_a_place_that_was_given_to_somebody_who_left_is_not_lost() -> None:
    async def run() -> None:
        lanes = Lanes(1, 0)

        async def one() -> None:
            async with lanes.request("shared", ["k"]):
                await asyncio.sleep(0)

        async with lanes.request("shared", ["k"]):
            leaving = asyncio.create_task(one())
            await asyncio.sleep(0.001)
            leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        async with asyncio.timeout(20):
            await one()

    asyncio.run(run())
