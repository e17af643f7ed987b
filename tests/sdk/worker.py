"""The worker of allora-sdk as its users write it, with a model that always says the same.

Everything comes from the environment, by the SDK's own names; TOPIC_ID is the topic. The model hangs
where HANG_FILE names a file that is there.
"""

import asyncio
import os
import time

from allora_sdk.rpc_client.config import AlloraNetworkConfig, AlloraWalletConfig
from allora_sdk.worker import AlloraWorker


def predict(context):
    if os.path.exists(os.environ.get("HANG_FILE", "")):
        time.sleep(60)
    return "1"


async def main():
    worker = AlloraWorker.inferer(
        run=predict,
        wallet=AlloraWalletConfig.from_env(),
        network=AlloraNetworkConfig.from_env(),
        topic_id=int(os.environ["TOPIC_ID"]),
        show_banner=False,
    )
    async for result in worker.run():
        print(result, flush=True)


asyncio.run(main())
