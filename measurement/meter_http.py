"""Reads a meter over HTTP: one short request, with a token or a password where it wants one.

Neither proxies nor other hosts see it. Digest as in RFC 7616, with SHA-256, which Shelly Gen2+
asks for (https://shelly-api-docs.shelly.cloud/gen2/General/Authentication) and urllib lacks.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import re
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from carbon_advisor.measurement.meter_units import MeterError

if TYPE_CHECKING:
    from email.message import Message

TIMEOUT_S = 2.0
_MOST_BYTES = 1 << 20
_MOST_REQUESTS = 4  # redirects within the host, and one challenge
_REDIRECTS = {301, 302, 303, 307, 308}
_PARAMETER = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,"]+))')
_HASHES = {"SHA-256": "sha256", "MD5": "md5"}  # best first


class HttpMeter:
    """A meter that answers GET.

    Args:
        url: with user:password@ before the host if it wants them.
        token: sent as a bearer token; "" if none.
    """

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url)
        self._user = unquote(parts.username or "")
        self._password = unquote(parts.password or "")
        self._token = token
        self._url = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        self._challenge: dict[str, str] | None = None
        self._answered = 0  # of the challenge's nonce

    def read(self) -> str:
        """Return the answer's body.

        Raises:
            MeterError: none came, or another than 200.
        """
        url, challenged = self._url, False
        for _ in range(_MOST_REQUESTS):
            status, headers, body = self._get(url)
            if status in _REDIRECTS:
                url = _redirected(url, headers.get("Location", ""))
            elif status == 401 and self._user and not challenged:
                challenged = True
                self._challenge = _best_challenge(headers)
                self._answered = 0
            elif status in {401, 403}:
                raise MeterError(f"it refuses ({status}): set ADVISOR_METER_TOKEN or a password")
            elif status != 200:
                raise MeterError(f"it answers with status {status}")
            else:
                return body
        raise MeterError("it redirects without end")

    def close(self) -> None:
        """Nothing is kept open."""

    def _get(self, url: SplitResult) -> tuple[int, Message, str]:
        kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        try:
            connection = kind(url.hostname or "", url.port, timeout=TIMEOUT_S)
            try:
                connection.request("GET", target, headers=self._headers(target))
                response = connection.getresponse()
                body = response.read(_MOST_BYTES).decode("utf-8", "replace")
                return response.status, response.headers, body
            finally:
                connection.close()
        except OSError as error:
            raise MeterError(_why(error)) from None
        except (http.client.HTTPException, ValueError) as error:
            # Their messages may quote the request.
            raise MeterError(f"it does not speak HTTP as we do: {type(error).__name__}") from None

    def _headers(self, target: str) -> dict[str, str]:
        headers = {"Accept": "application/json, text/plain, */*"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        elif self._challenge is not None:
            headers["Authorization"] = self._authorization(self._challenge, target)
        return headers

    def _authorization(self, challenge: dict[str, str], target: str) -> str:
        if challenge["scheme"] == "basic":
            both = f"{self._user}:{self._password}".encode()
            return f"Basic {base64.b64encode(both).decode()}"
        self._answered += 1
        return digest(challenge, self._user, self._password, target, self._answered)


def digest(
    challenge: dict[str, str],
    user: str,
    password: str,
    target: str,
    count: int,
    client_nonce: str | None = None,
) -> str:
    """Return the Authorization header that answers a Digest challenge to a GET (RFC 7616, 3.4)."""
    algorithm = challenge.get("algorithm", "MD5")
    name, realm, nonce = _HASHES[algorithm.upper()], challenge.get("realm", ""), challenge["nonce"]
    client_nonce = client_nonce or os.urandom(16).hex()

    def hashed(*parts: str) -> str:
        return hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

    who, what = hashed(user, realm, password), hashed("GET", target)
    fields = {"username": user, "realm": realm, "nonce": nonce, "uri": target}
    bare = f", algorithm={algorithm}"
    if "qop" in challenge:
        serial = f"{count:08x}"
        fields["cnonce"] = client_nonce
        fields["response"] = hashed(who, nonce, serial, client_nonce, "auth", what)
        bare += f", qop=auth, nc={serial}"
    else:
        fields["response"] = hashed(who, nonce, what)
    if "opaque" in challenge:
        fields["opaque"] = challenge["opaque"]
    return "Digest " + ", ".join(f'{key}="{value}"' for key, value in fields.items()) + bare


def _best_challenge(headers: Message) -> dict[str, str]:
    """Digest rather than Basic, which shows the password to whoever listens."""
    offered = []
    for text in headers.get_all("WWW-Authenticate") or []:
        scheme, _, rest = text.strip().partition(" ")
        found = {key.lower(): quoted or bare for key, quoted, bare in _PARAMETER.findall(rest)}
        offered.append({**found, "scheme": scheme.lower()})
    for algorithm in _HASHES:
        for challenge in offered:
            same = challenge.get("algorithm", "MD5").upper() == algorithm
            if challenge["scheme"] == "digest" and same and "nonce" in challenge:
                return challenge
    if not offered or any(challenge["scheme"] == "basic" for challenge in offered):
        return {"scheme": "basic"}
    raise MeterError("it wants a way of authentication that we do not know")


def _redirected(url: SplitResult, location: str) -> SplitResult:
    """Where a redirect leads: never to another host, which would get the token or password."""
    there = urlsplit(urljoin(url.geturl(), location))
    there = there._replace(netloc=there.netloc.rpartition("@")[2], fragment="")
    if there.hostname != url.hostname:
        raise MeterError("it redirects to another host: give that one's address if it is right")
    if there.scheme not in {"https", url.scheme}:
        raise MeterError("it redirects from https to something less safe")
    return there


def _why(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {TIMEOUT_S:g} s"
    return f"no connection: {error.strerror or type(error).__name__}"
