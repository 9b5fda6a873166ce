"""Meters that are really read: over loopback HTTP, from a file, by a command; and the tracker."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from carbon_advisor.measurement import Tracker
from carbon_advisor.measurement.errors import InputError
from carbon_advisor.measurement.meter import meter_finding, open_meter
from carbon_advisor.measurement.meter_http import digest
from carbon_advisor.measurement.recovery import journalled_runs

if TYPE_CHECKING:
    from collections.abc import Iterator

SWITCH = json.dumps({"id": 0, "apower": 106.3, "aenergy": {"total": 267.813}})
LOGIN = ("advisor-user", "s3cr3t-passw0rd")
TOKEN = "t0ken-n0body-may-see"


@dataclass
class Server:
    """A loopback server whose answers tests set by path."""

    url: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)  # path and Authorization
    hang: threading.Event = field(default_factory=threading.Event)

    def with_login(self, path: str) -> str:
        return self.url.replace("://", "://{}:{}@".format(*LOGIN)) + path


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            authorization = self.headers.get("Authorization", "")
            state.seen.append((self.path, authorization))
            getattr(self, self.path.split("?")[0].strip("/").replace("/", "_") or "ok")(
                authorization
            )

        def answer(self, status: int, body: str, *headers: tuple[str, str]) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body.encode())))
            self.end_headers()
            self.wfile.write(body.encode())

        def ok(self, _: str) -> None:
            self.answer(200, SWITCH)

        def broken(self, _: str) -> None:
            self.answer(500, "a stack trace")

        def garbage(self, _: str) -> None:
            self.answer(200, "<html>log in</html>")

        def slow(self, _: str) -> None:
            state.hang.wait(20)

        def here(self, _: str) -> None:
            self.answer(302, "", ("Location", "/ok"))

        def circle(self, _: str) -> None:
            self.answer(302, "", ("Location", "/circle"))

        def elsewhere(self, _: str) -> None:
            self.answer(302, "", ("Location", "http://localhost.invalid/ok"))

        def bearer(self, authorization: str) -> None:
            right = authorization == f"Bearer {TOKEN}"
            self.answer(200 if right else 401, SWITCH if right else "")

        def basic(self, authorization: str) -> None:
            if authorization.startswith("Basic "):
                self.answer(200, SWITCH)
            else:
                self.answer(401, "", ("WWW-Authenticate", 'Basic realm="plug"'))

        def digest(self, authorization: str) -> None:
            if _digest_is_right(authorization, self.path):
                self.answer(200, SWITCH)
                return
            self.answer(
                401,
                "",
                ("WWW-Authenticate", 'Basic realm="plug"'),
                (
                    "WWW-Authenticate",
                    'Digest qop="auth", realm="plug", nonce="60f", algorithm=SHA-256',
                ),
            )

        def log_message(self, *_: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever, args=(0.02,))
    thread.start()
    state.url = f"http://127.0.0.1:{httpd.server_port}"
    yield state
    state.hang.set()
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def _digest_is_right(authorization: str, path: str) -> bool:
    """Check as RFC 7616 says, written independently of what is tested."""
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', authorization.removeprefix("Digest ")))
    if not given:
        return False

    def sha(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    user, password = LOGIN
    ha1, ha2 = sha(f"{user}:plug:{password}"), sha(f"GET:{path}")
    return given["response"] == sha(f"{ha1}:60f:{given['nc']}:{given['cnonce']}:auth:{ha2}")


def test_the_example_of_rfc_7616() -> None:
    """Section 3.9.1: Mufasa's login, in SHA-256 and MD5."""
    challenge = {
        "realm": "http-auth@example.org",
        "qop": "auth, auth-int",
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }
    nonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    for algorithm, response in (
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
    ):
        header = digest(
            {**challenge, "algorithm": algorithm},
            "Mufasa",
            "Circle of Life",
            "/dir/index.html",
            1,
            nonce,
        )
        assert f'response="{response}"' in header


@pytest.mark.parametrize("path", ["/ok", "/here", "/ok?id=0#apower"])
def test_a_meter_over_http(server: Server, path: str) -> None:
    meter = open_meter(server.url + path, wait=True)
    meter.close()
    assert meter.value is not None
    assert meter.value.power_w == 106.3
    assert meter.shown.startswith(server.url)


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/broken", "it answers with status 500"),
        ("/garbage", "no number and of no known shape"),
        ("/circle", "it redirects without end"),
        ("/elsewhere", "it redirects to another host"),
        ("/bearer", "it refuses (401): set ADVISOR_METER_TOKEN"),
        ("/basic", "it refuses (401)"),
        ("/slow", "no answer within 2 s"),
    ],
)
def test_a_meter_that_cannot_be_read_is_one_line(server: Server, path: str, reason: str) -> None:
    with pytest.raises(InputError) as error:
        open_meter(server.url + path, wait=True)
    assert str(error.value).startswith(f"the meter {server.url}{path} cannot be read: ")
    assert reason in str(error.value)


def test_nobody_listens(server: Server) -> None:
    with pytest.raises(InputError, match="no connection: Connection refused"):
        open_meter("http://127.0.0.1:1/status", wait=True)


def test_a_token_goes_to_the_meter_and_nowhere_else(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISOR_METER_TOKEN", TOKEN)
    meter = open_meter(server.url + "/bearer", wait=True)
    meter.close()
    assert server.seen == [("/bearer", f"Bearer {TOKEN}")]
    with pytest.raises(InputError) as error:
        open_meter(server.url + "/elsewhere", wait=True)
    for text in (str(error.value), meter.shown, repr(meter), str(vars(meter).get("failure"))):
        assert TOKEN not in text


@pytest.mark.parametrize("path", ["/basic", "/digest"])
def test_a_password_is_sent_only_when_asked_for(server: Server, path: str) -> None:
    meter = open_meter(server.with_login(path), wait=True)
    meter.poll()
    meter.close()
    assert meter.failure == ""
    (_, first), (_, second), *_ = server.seen
    assert first == ""
    assert second.startswith(path.strip("/").capitalize())
    assert LOGIN[1] not in meter.shown
    assert path == "/basic" or all(LOGIN[1] not in seen for _, seen in server.seen)
    wrong = server.with_login("/digest").replace(LOGIN[1], "wrong")
    with pytest.raises(InputError) as error:
        open_meter(wrong, wait=True)
    assert "wrong" not in str(error.value)


def test_a_file_that_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "watts"
    path.write_text("40")
    meter = open_meter(f"file:{path}", wait=True)
    path.write_text('{"power_w": 60, "energy_wh": 2}')
    meter.poll()
    assert meter.value is not None
    assert (meter.value.power_w, meter.value.energy_j) == (60, 7200)
    path.write_text("")
    meter.poll()
    assert "no number" in meter.failure
    path.unlink()
    meter.poll()
    assert meter.failure == "No such file or directory"
    assert meter.value.power_w == 60
    meter.close()


def command_meter(script: str, *arguments: str) -> str:
    words = [sys.executable, "-S", "-c", script, *arguments]
    return "command:" + " ".join(f"'{word}'" for word in words)


def test_a_command_is_run_without_a_shell_and_not_as_our_child(tmp_path: Path) -> None:
    script = (
        'import os, sys; print("Instantaneous power reading:  204 Watts"); '
        'open(sys.argv[1], "a").write(f"{os.getppid()} {sys.argv[2]}\\n")'
    )
    log = tmp_path / "log"
    meter = open_meter(command_meter(script, str(log), "$HOME;x"), wait=True)
    assert meter.value is not None
    assert meter.value.power_w == 204
    parent, argument = log.read_text().split()
    assert argument == "$HOME;x"
    assert int(parent) != os.getpid()
    status = Path(f"/proc/{parent}/status").read_text() if sys.platform == "linux" else ""
    assert f"PPid:\t{os.getpid()}\n" not in status
    meter.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{parent}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{parent}").exists()  # it ends with the meter


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("command:no-such-program-anywhere", "cannot be started: No such file"),
        (command_meter("raise SystemExit(3)"), "it ends with exit code 3"),
        (command_meter("import time; time.sleep(60)"), "no answer within 2 s"),
        (command_meter("print(7, 8)"), "no number"),
    ],
)
def test_a_command_that_gives_nothing_says_why(text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        open_meter(text, wait=True)


def test_what_doctor_says(tmp_path: Path) -> None:
    path = tmp_path / "watts"
    path.write_text('{"power_w": 61.5, "energy_kwh": 12.5}')
    found = meter_finding(f"file:{path}")
    assert (found.component, found.method, found.relative_error) == ("meter", "measured", 0.02)
    assert "61.5 W, 12.5 kWh on its counter" in found.source
    path.unlink()
    missing = meter_finding(f"file:{path}")
    assert (missing.method, missing.relative_error) == ("none", 0)
    assert "No such file" in missing.why


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADVISOR_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ADVISOR_METER", raising=False)
    return tmp_path / "home"


def test_the_tracker_takes_a_meter_and_keeps_its_secret(server: Server, home: Path) -> None:
    with Tracker(interval_s=0.05, meter=server.with_login("/digest#apower")) as tracker:
        time.sleep(1.0)
    result = tracker.result
    assert {part.method for part in result.energy} == {"measured"}
    watts = result.machine_energy_kwh * 3.6e6 / result.duration_s
    assert 50 < watts < 107  # what came before the first answer is modelled, and here it is less
    kept = [path for path in home.rglob("*") if path.is_file()]
    everything = "".join(path.read_text(errors="replace") for path in kept)
    assert "external meter" in everything
    for text in (everything, str(result)):
        assert LOGIN[1] not in text
        assert LOGIN[0] not in text


def test_a_hanging_meter_delays_neither_start_nor_samples_nor_stop(
    server: Server, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADVISOR_METER", server.url + "/slow")
    begun = time.monotonic()
    with Tracker(interval_s=0.05) as tracker:
        assert time.monotonic() - begun < 1.5
        time.sleep(0.3)
        sampled_s = tracker.result.duration_s
    assert time.monotonic() - begun < 1.9
    assert sampled_s > 0.15
    assert tracker.result.energy_kwh > 0
    assert len(journalled_runs(home)) == 1


def test_a_program_whose_meter_is_gone_is_measured_without_it(home: Path, tmp_path: Path) -> None:
    with Tracker(interval_s=0.05, meter="command:no-such-program-anywhere") as tracker:
        time.sleep(0.2)
    assert tracker.result.energy_kwh > 0
    with pytest.raises(InputError, match="a meter is file:PATH"):
        Tracker(meter="42 watts")


def test_a_meter_is_read_no_more_after_the_run(server: Server, home: Path) -> None:
    with Tracker(interval_s=0.05, meter=server.url + "/ok"):
        time.sleep(0.1)
    time.sleep(0.1)
    read = len(server.seen)
    time.sleep(1.5)
    assert len(server.seen) == read


def test_without_a_meter_nothing_of_it_is_imported(home: Path) -> None:
    script = (
        "import sys\nfrom carbon_advisor.measurement import Tracker\n"
        "with Tracker(): pass\n"
        "print([name for name in sys.modules if '.meter' in name or name == 'http.client'])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
