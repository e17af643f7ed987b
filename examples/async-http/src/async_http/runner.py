"""The model: asks a service for the price and predicts that it stays."""

import os

from .client import JsonClient

# Made once, at import. Import and calls share one event loop for the life of the process, so the
# connection that the first call opens serves all later ones.
service = JsonClient(os.environ.get("PRICE_SERVICE", "http://127.0.0.1:8000"))


async def predict(nonce: int) -> float:
    answer = await service.get(f"/price?block={nonce}")
    return answer["price"]
