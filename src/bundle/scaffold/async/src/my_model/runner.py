"""The model. The worker imports this file once and awaits ``predict`` in each window."""

import asyncio

from . import sources

# Import and calls share one event loop for the life of the process: a client that is made here keeps its
# connections from call to call.


async def predict(nonce: int) -> float:
    """The prediction for the window that opened at block ``nonce``: replace this by your own."""
    # Asked at the same time: the slowest of them decides how long it takes.
    price, trend = await asyncio.gather(sources.price(nonce), sources.trend(nonce))
    return price + trend
