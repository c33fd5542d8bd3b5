from __future__ import annotations

from collections.abc import Iterator

import pytest

from lossfix.verify import Session, tensorflow_available


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if tensorflow_available():
        return
    for item in items:
        if item.get_closest_marker("tensorflow"):
            item.add_marker(pytest.mark.skip(reason="TensorFlow is not installed"))


@pytest.fixture(scope="session")
def session() -> Iterator[Session]:
    with Session("cpu") as warm:
        yield warm
