"""Takes secrets out of command lines before they are stored: '***' stands for each."""

from __future__ import annotations

import math
import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MASK = "***"

_SECRET_WORDS = frozenset(
    {"password", "passwd", "passphrase", "pwd", "secret", "secrets", "token", "apikey"}
    | {"credential", "credentials", "authorization", "bearer", "dsn", "sas", "sig", "signature"}
)
_WORDS_BEFORE_KEY = frozenset(
    {"api", "access", "account", "private", "secret", "shared", "encryption", "master", "ssh"}
)
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FLAG = re.compile(r"--?([A-Za-z][\w.-]*)")
_BEFORE_VALUE = re.compile(
    r"""(?:--?(?P<flag>[A-Za-z][\w.-]*)\s+|(?P<name>[A-Za-z][\w.-]*)["']?\s*[=:]\s*)"""
)
_VALUE = re.compile(r""""[^"]*"|'[^']*'|[^\s"'&;,]+""")
_URL_PASSWORD = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")
_KNOWN_TOKENS = re.compile(
    r"\b(?:"
    r"(?:AKIA|ASIA)[0-9A-Z]{16}"  # AWS access key
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{20,}"  # GitHub, GitLab
    r"|hf_\w{20,}|sk-[\w-]{20,}|xox[abprs]-[\w-]{10,}|AIza[\w-]{30,}"  # HF, OpenAI, Slack, Google
    r"|eyJ[\w-]{10,}\.[\w-]+\.[\w-]*"  # JSON web token
    r")"
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [^-]*PRIVATE KEY-----.*", re.DOTALL)
_BEARER = re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_RANDOM_LOOKING = re.compile(r"(?<![\w+/-])[\w+/-]{32,}={0,2}")
_RANDOM_BITS_PER_CHARACTER = 4.4  # 32 characters of base64 have about 4.7, long paths about 4.1


def redacted(command: Sequence[str]) -> tuple[str, ...]:
    """Return the arguments with the values that look like secrets replaced by '***'.

    By the option's or variable's name (--password X, --api-key=X, TOKEN=X), by the known shapes of
    tokens, in URLs, and long random-looking text. Hexadecimal digests stay: most are commits.
    """
    result: list[str] = []
    for argument in command:
        flag = _FLAG.fullmatch(result[-1]) if result else None
        if flag and _is_secret_name(flag[1]) and not argument.startswith("--"):
            result.append(MASK)
        else:
            result.append(_redacted_text(argument))
    return tuple(result)


def _redacted_text(text: str) -> str:
    text = _PRIVATE_KEY.sub(MASK, text)
    text = _URL_PASSWORD.sub(rf"\1:{MASK}@", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _with_named_values_masked(text)
    text = _KNOWN_TOKENS.sub(MASK, text)
    return _RANDOM_LOOKING.sub(lambda m: MASK if _looks_random(m[0]) else m[0], text)


def _with_named_values_masked(text: str) -> str:
    """Mask what follows a secret's name: "--password X", "TOKEN=X", "api_key": "X"."""
    kept, end = "", 0
    for name in _BEFORE_VALUE.finditer(text):
        value = _VALUE.match(text, name.end())
        if value and name.start() >= end and _is_secret_name(name["flag"] or name["name"]):
            kept += text[end : name.end()] + MASK
            end = value.end()
    return kept + text[end:]


def _is_secret_name(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name)]
    pairs = pairwise(words)
    return any(word in _SECRET_WORDS for word in words) or any(
        first in _WORDS_BEFORE_KEY and second == "key" for first, second in pairs
    )


def _looks_random(text: str) -> bool:
    kinds = (str.isdigit, str.islower, str.isupper)
    if not all(any(kind(character) for character in text) for kind in kinds):
        return False
    counts = Counter(text).values()
    bits = -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
    return bits >= _RANDOM_BITS_PER_CHARACTER
