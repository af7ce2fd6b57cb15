"""People talk about an order over WebSockets."""

import logging
from typing import Annotated, Optional

from fastapi import APIRouter, Cookie, WebSocket, WebSocketDisconnect, WebSocketException, status

logger = logging.getLogger(__name__)
router = APIRouter(prefix="/support")

members: dict[int, set[WebSocket]] = {}


@router.websocket("/{number}")
async def talk(socket: WebSocket, number: int, customer: Annotated[Optional[str], Cookie()] = None) -> None:
    if customer is None:
        raise WebSocketException(status.WS_1008_POLICY_VIOLATION, "who are you?")
    if number not in socket.state.store.orders:
        await socket.close(reason="no such order")
        return
    await socket.accept()
    room = members.setdefault(number, set())
    room.add(socket)
    try:
        async for message in socket.iter_json():
            for member in room:
                await member.send_json({"from": customer, "text": message["text"]})
            if message["text"] == "bye":
                await socket.close(4000, "bye")
                return
    except WebSocketDisconnect:
        pass
    finally:
        room.discard(socket)
        logger.info("%s has left, %d stay", customer, len(room))
