"""A browser against the whole application, and who is in the small city of the accounts tests."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi.testclient import TestClient

PASSWORD = "Jialing-und-Yangtse-7"


class Caller:
    """One browser: keeps its cookies and sends the second one as a header, as the web client does."""

    def __init__(self, client: TestClient) -> None:
        self.http = client

    def sign_in(self, username: str, password: str = PASSWORD) -> Any:
        return self.http.post("/api/v1/session", json={"username": username, "password": password})

    def __call__(self, method: str, path: str, body: Any = None, status: int | None = 200, **params: Any) -> Any:
        headers = {"X-CSRF-Token": self.http.cookies.get("cy_csrf", "")}
        answer = self.http.request(method, f"/api/v1{path}", json=body, params=params, headers=headers)
        if status is None:
            return answer
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    def refused(self, method: str, path: str, body: Any, status: int, code: str, field: str | None = None, **params: Any) -> Any:
        answer = self(method, path, body, status=None, **params)
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        if field is not None:
            assert answer.json()["errors"][0]["field"] == field
        return answer.json()


@dataclass
class City:
    """Identities of units and users by their short names."""

    units: dict[str, UUID]
    users: dict[str, UUID]
    browser: Callable[..., Caller]
