"""What holds for a store as a whole, by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_nb.store.database import Store


def setting(store: Store, name: str) -> dict[str, list[str]]:
    """What is set under a name; empty where nothing is."""
    found = store.rows("SELECT value FROM store_info WHERE name = ?", [name])
    return dict(json.loads(found[0][0])) if found else {}


def change_setting(store: Store, name: str, *, add: dict[str, str], remove: dict[str, str]) -> None:
    """Add to the lists under a name, and take from them, in one transaction: two kernels lose nothing."""
    with store.transaction(durable=True) as connection:
        found = connection.execute("SELECT value FROM store_info WHERE name = ?", [name]).fetchone()
        lists: dict[str, list[str]] = json.loads(found[0]) if found else {}
        for key, value in remove.items():
            lists[key] = [each for each in lists.get(key, []) if each != value]
        for key, value in add.items():
            lists[key] = [*(each for each in lists.get(key, []) if each != value), value]
        text = json.dumps(lists, ensure_ascii=False)
        connection.execute("INSERT OR REPLACE INTO store_info VALUES (?, ?)", (name, text))
