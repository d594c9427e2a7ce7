"""What tests of live panels share: the wire to the browser."""

from __future__ import annotations

import json
import threading

import pytest


@pytest.fixture
def wire(monkeypatch):
    """The messages that go to the browser, as they would be sent, and the threads that sent them."""
    import comm
    from comm.base_comm import BaseComm

    sent: list[tuple[str, str]] = []

    class Wire(BaseComm):
        def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **keys):
            sent.append((json.dumps([msg_type, data], allow_nan=False), threading.current_thread().name))

    monkeypatch.setattr(comm, "create_comm", lambda *arguments, **keys: Wire(*arguments, **keys))
    return sent
