"""Pushes a run's figures to a Prometheus Pushgateway, in the background.

The group is job=PROJECT, instance=HOST (HOST:RANK if distributed); each push replaces it.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.outputs.background import Background
from carbon_advisor.measurement.outputs.needs import need_target
from carbon_advisor.measurement.outputs.output import Output
from carbon_advisor.measurement.outputs.prometheus_text import prometheus_text

if TYPE_CHECKING:
    from carbon_advisor.measurement.run_result import RunResult

_NAME = "prometheus-push"
_EVERY_S = 10.0
_TIMEOUT_S = 5.0
_PATIENCE_S = 1.0  # for the last push: a gateway that is there answers in milliseconds


def prometheus_push(target: str) -> Output:
    """Return the output for a gateway's address, "http://[USER:PASSWORD@]HOST:9091".

    Raises:
        InputError: it is no such address.
    """
    return Background(_Push(target), every_s=_EVERY_S, patience_s=_PATIENCE_S)


class _Push(Output):
    """Sends one request per call, which may take seconds."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(need_target(target, _NAME, "http://HOST:9091"))
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise InputError(f"output {_NAME} needs an address such as http://HOST:9091")
        netloc = parts.netloc.rpartition("@")[2]
        self._base = parts._replace(netloc=netloc, query="", fragment="").geturl().rstrip("/")
        self._headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        if parts.username:
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            encoded = base64.b64encode(login.encode()).decode()
            self._headers["Authorization"] = f"Basic {encoded}"

    def sampled(self, run: RunResult) -> None:
        """Push."""
        self._push(run)

    def ended(self, run: RunResult) -> None:
        """Push."""
        self._push(run)

    def _push(self, run: RunResult) -> None:
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        request = Request(  # noqa: S310 - the scheme was checked
            self._base + group_path(run),
            data=prometheus_text(run).encode(),
            headers=self._headers,
            method="PUT",
        )
        try:
            with urlopen(request, timeout=_TIMEOUT_S):  # noqa: S310
                pass
        except HTTPError as error:
            with error:
                told = error.read(200).decode("utf-8", "replace")
            raise OSError(f"the gateway answers {error.code}: {told}") from None


def group_path(run: RunResult) -> str:
    """Return the path of the run's group on a gateway."""
    ranks = run.identity.ranks
    instance = run.identity.host
    if ranks is not None and ranks.rank is not None:
        instance += f":{ranks.rank}"
    return "/metrics" + _label("job", run.project) + _label("instance", instance)


def _label(name: str, value: str) -> str:
    """Return a path element; base64 is the gateway's way to write an empty one or a slash."""
    if value and "/" not in value:
        return f"/{name}/{quote(value, safe='', errors='replace')}"
    encoded = base64.urlsafe_b64encode(value.encode("utf-8", "replace")).decode()
    return f"/{name}@base64/{encoded or '='}"
