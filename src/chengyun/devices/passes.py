"""The signed tokens between the bus and the call-out: JWT over Ed25519 with NATS' own key encoding.

The bus asks with a token signed by its server key; we answer with one signed by the account key that the bus was told
to trust, and in it the device's pass: what it may publish, what it may subscribe to, and until when.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any

import nacl.exceptions
import nacl.signing
import nkeys
import orjson

from chengyun.kernel.clock import SystemClock

_HEADER = {"typ": "JWT", "alg": "ed25519-nkey"}
_AUDIENCE = "nats-authorization-request"
_MOST_SUBSCRIPTIONS = 10


class NotGenuine(ValueError):
    """A token that the bus has not signed, or that is over."""


@dataclass(frozen=True)
class Request:
    """What the bus asks: may this connection in?"""

    user_key: str
    server_id: str
    name: str
    password: str
    kind: str
    client_id: str
    host: str


def _pack(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unpack(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raise NotGenuine("not base64") from None


def _real_now() -> int:
    # Tokens are between machines: their clocks count, not the city's.
    return int(SystemClock().now().timestamp())


def read_request(token: bytes) -> Request:
    """Read the bus' question; raises NotGenuine unless its own server key has signed it and it is in time."""
    try:
        head, body, signature = token.decode("ascii").split(".")
        claims: dict[str, Any] = orjson.loads(_unpack(body))
        issuer, nats = str(claims["iss"]), claims["nats"]
        if orjson.loads(_unpack(head)) != _HEADER or claims["aud"] != _AUDIENCE or nats["server_id"]["id"] != issuer:
            raise NotGenuine("not a question of the bus")
        _verify(issuer, f"{head}.{body}".encode(), _unpack(signature))
        if int(claims["exp"]) < _real_now():
            raise NotGenuine("the question is over")
        who, client = nats["connect_opts"], nats["client_info"]
        return Request(
            user_key=str(nats["user_nkey"]),
            server_id=issuer,
            name=str(who.get("user", "")),
            password=str(who.get("pass", "")),
            kind=str(client.get("type", "")),
            client_id=str(client.get("mqtt_id", "")),
            host=str(client.get("host", "")),
        )
    except NotGenuine:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        raise NotGenuine(f"not a question of the bus: {failure}") from None


def _verify(issuer: str, signed: bytes, signature: bytes) -> None:
    """Check a server's signature. The key is `N…`: prefix, 32 bytes, checksum, in base 32."""
    try:
        decoded = base64.b32decode(issuer + "=" * (-len(issuer) % 8))
    except (binascii.Error, ValueError):
        raise NotGenuine("not a server key") from None
    key, checksum = decoded[:-2], decoded[-2:]
    if len(key) != 33 or key[0] != nkeys.PREFIX_BYTE_SERVER or nkeys.crc16(key).to_bytes(2, "little") != checksum:
        raise NotGenuine("not a server key")
    try:
        nacl.signing.VerifyKey(key[1:]).verify(signed, signature)
    except (nacl.exceptions.BadSignatureError, nacl.exceptions.ValueError):
        raise NotGenuine("the signature is wrong") from None


class Signer:
    """Signs answers with the account key that the bus trusts."""

    def __init__(self, seed: str, account: str) -> None:
        self._pair = nkeys.from_seed(seed.encode())
        self._issuer: str = self._pair.public_key.decode()
        self._account = account

    def admit(self, request: Request, key: str, hours: float) -> bytes:
        """The answer that lets a device in under its key."""
        allowed = {
            "pub": {"allow": [f"cy.{key}.up", f"cy.{key}.ack"]},
            "sub": {"allow": [f"cy.{key}.down"]},
            "subs": _MOST_SUBSCRIPTIONS,
            "data": -1,
            "payload": -1,
            "allowed_connection_types": ["MQTT", "MQTT_WS"],
            "type": "user",
            "version": 2,
        }
        until = _real_now() + int(hours * 3600)
        claims = {"sub": request.user_key, "aud": self._account, "name": key, "exp": until, "nats": allowed}
        return self._answer(request, {"jwt": self._sign(claims)})

    def refuse(self, request: Request) -> bytes:
        """The answer that keeps a connection out, without saying why."""
        return self._answer(request, {"error": "refused"})

    def _answer(self, request: Request, content: dict[str, str]) -> bytes:
        nats = {"type": "authorization_response", "version": 2, **content}
        return self._sign({"sub": request.user_key, "aud": request.server_id, "nats": nats}).encode()

    def _sign(self, claims: dict[str, Any]) -> str:
        claims |= {"iss": self._issuer, "iat": _real_now()}
        claims["jti"] = base64.b32encode(hashlib.sha256(orjson.dumps(claims)).digest()).decode().rstrip("=")
        signed = f"{_pack(orjson.dumps(_HEADER))}.{_pack(orjson.dumps(claims))}"
        return f"{signed}.{_pack(self._pair.sign(signed.encode()))}"
