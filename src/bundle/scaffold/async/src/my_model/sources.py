"""Where the model's inputs come from. These stand in for services: replace them by your own clients."""

import asyncio
import math


async def price(nonce: int) -> float:
    await asyncio.sleep(0.01)  # a request would be awaited here
    return 2500 + 40 * math.sin(nonce / 50)


async def trend(nonce: int) -> float:
    await asyncio.sleep(0.01)
    return 0.4 * math.cos(nonce / 50)
