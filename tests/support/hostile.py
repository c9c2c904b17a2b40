"""What strangers send where a token, a path or a form is expected."""

import base64
import json
from typing import Any

WRONG: tuple[Any, ...] = (None, True, 7, -1, 1.5, "", "x", "\0", "\ud800", [], ["x"], [None], {}, {"x": None}, 10**400)
"""Values of every type that JSON has, in the place of any other."""

MEMBERS = ("alg", "crit", "kid", "typ", "cty", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c", "x5t", "unknown")
"""Of a JOSE header (RFC 7515 §4.1, RFC 7516 §4.1, RFC 7797)."""


def part(value: Any) -> str:
    """Return a part of a token; bytes are taken as they are."""
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def headers(alg: str = "ES256", **known: Any) -> list[Any]:
    """Return JOSE headers that no library writes; `known` are the members of a usual one."""
    usual = {"alg": alg, "typ": "at+jwt"} | known
    found: list[Any] = [usual | {name: value} for name in MEMBERS for value in WRONG]
    found += [
        usual | {"crit": ["b64"], "b64": False},
        usual | {"kid": "k" * 3000},
        usual | {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": None}},
        usual | {"jwk": {"kty": "RSA", "n": "AQAB", "e": "\ud800"}},
        usual | {"jwk": {"kty": ["EC"]}},
        *WRONG,
        b"",
        b"\xff\xfe{}",
        b"[" * 4000,
        b'{"alg":' * 500,
        b'{"alg":"ES256","alg":"none"}',
        b'{"alg":NaN}',
    ]
    return found


PAYLOADS: tuple[Any, ...] = (
    *WRONG,
    b"",
    b"\xff\xfe",
    b"[" * 5000,
    b'{"a":' * 900,
    b"NaN",
    b'{"exp":1e999}',
    b"9" * 5000,
)
"""Payloads that are no claims, or hardly."""

SIGNATURES = ("", "AAAA", "A", "=", "%", "AA=A", part(b"\0" * 64), part(b"\xff" * 2000))


def tokens(alg: str = "ES256", claims: Any = None, **known: Any) -> list[str]:
    """Return tokens each of which has something that no library writes."""
    body = part(claims or {"sub": "x", "iss": "x", "exp": 1})
    found = [f"{part(header)}.{body}.AAAA" for header in headers(alg, **known)]
    usual = part({"alg": alg, "typ": "at+jwt"} | known)
    found += [f"{usual}.{part(payload)}.AAAA" for payload in PAYLOADS]
    found += [f"{usual}.{body}.{signature}" for signature in SIGNATURES]
    found += [
        "x",
        ".",
        "..",
        "...",
        "....",
        f"{usual}..",
        f"{usual}.{body}",
        f".{body}.",
        "%00.%00.%00",
        "é.é.é",
        "=.=.=",
    ]
    return found


PATHS = (
    "%00", "a%00b", "%ff%fe", "%ed%a0%80", "x" * 300, "x" * 5000, "/".join(["x" * 200] * 30), "..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/x", "%0a", "%0d%0aX:%20y", "%7f", "-1", "9" * 40, "%", "%zz", "a%2fb", "%5c..%5c..", "NaN", "1e999", "%20",
)  # fmt: skip
"""In the place of a path's parameter, as it stands on the wire."""

QUERIES = (
    "%00", "a=%ff", "%ff=%fe", "cursor=%00", "cursor=%ff", "cursor=AAAA&limit=%ff", "cursor=%F0%9F%8D%8E", "q=%00",
    "limit=99999999999999999999999999", "q=%ed%a0%80", "return_to=%00", "return_to=%ff//", "token=%00", "token=%ff&email=%00",
    "state=%00&code=%00", "&".join(f"a{n}=1" for n in range(1500)), "=&=&;;", "month=9999-99&cycle=x&version=%00&year=%00",
)  # fmt: skip

FIELDS = (
    b"\xff\xfe\x80",
    b"",
    b"\x7f" * 20,
    b"x" * 9000,
    b"http://[::1",
    b";=;=,,q=",
    b"*/*;q=nan",
    b"a=b; c",
    b'W/"',
    b"Basic",
)
"""In the place of any header's value."""

FORM, JSON, PARTS = "application/x-www-form-urlencoded", "application/json", "multipart/form-data; boundary=a"


def _piece(said: bytes, content: bytes) -> bytes:
    return b"--a\r\n" + said + b"\r\n\r\n" + content + b"\r\n--a--\r\n"


_NAMED = b'Content-Disposition: form-data; name="csrf_token"'

BODIES: tuple[tuple[str, bytes], ...] = (
    (JSON, b"\xff\xfe"), (JSON, b"\x00"), (JSON, b"[" * 100_000), (JSON, b'{"a":"\\ud800"}'), (JSON, b"null"),
    (JSON, b"9" * 5000), (JSON, b"1e999999"), (f"{JSON}; charset=utf-16", b"{}"), ("application/msgpack", b"\xc1"),
    ("\xff", b"x"), ("application/\x80", b"{}"), (";;;", b"{}"), ("text/csv", b"\xff\xfe\x00"),
    (FORM, b"%ff=%fe&csrf_token=%ff"), (FORM, b"\xff\xfe\x00=1&%00=%00"), (FORM, b"email=%00&password=%00&code=%00&token=%00"),
    (FORM, b"&".join(b"a%d=1" % n for n in range(3000))), (f"{FORM}; charset=utf-16", b"a=1"), (f"{FORM}; charset=no", b"a=1"),
    (FORM, b"csrf_token=%ed%a0%80&email=%ed%a0%80"), (FORM, b"csrf_token=a&csrf_token=b&email=a&email=b"), (FORM, b"&=&="),
    ("multipart/form-data", b"x"), ("multipart/form-data; boundary=", b"x"), ("multipart/form-data; boundary=\xff", b"x"),
    (f"multipart/form-data; boundary={'a' * 500}", b"--a\r\n"), (PARTS, b"--a\r\n"), (PARTS, b""),
    (PARTS, _piece(b'Content-Disposition: form-data; name="f"; filename="\xff"', b"\xff")),
    (PARTS, _piece(_NAMED + b"\r\nContent-Type: text/plain; charset=no-such", b"\xff")),
    (PARTS, _piece(_NAMED + b"\r\nContent-Type: text/plain; charset=utf-16", b"\xff")),
    (PARTS, _piece(_NAMED + b"\r\nContent-Type: \xff/;;", b"x")),
    (PARTS, _piece(_NAMED + b'; filename="x"', b"x")), (PARTS, _piece(b"Content-Disposition: form-data", b"x")),
    (PARTS, _piece(b"\xff: \xff", b"x")), (PARTS, _piece(_NAMED, b"\xff\xfe\x00")), (PARTS, _piece(_NAMED, b"\xed\xa0\x80")),
    (PARTS, b"".join(b'--a\r\nContent-Disposition: form-data; name="f%d"\r\n\r\nx\r\n' % n for n in range(2000)) + b"--a--\r\n"),
)  # fmt: skip
"""Media type and body of requests that no browser makes."""
