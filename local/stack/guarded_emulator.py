"""The emulator behind a door of our own. By itself it takes any request that names a root key for root's, whoever signed it, and any
web page's; what runs in it runs as the person who started it. So: this machine's programs alone, no page's requests, no
administration over HTTP, and a root's word only under a root's signature."""

import os
import re
from urllib.parse import parse_qsl

import durable_streams
import message_moves
import ministack.app as emulator
from ministack.core import sigv4

SECRET = os.environ["AWS_SECRET_ACCESS_KEY"]
HOSTS = re.compile(rb"(127\.0\.0\.1|localhost)(:\d+)?")
HEALTH = "/_ministack/health"
# Agents sign by their own key, operators by IAM's: the API itself asks for that
API = "/_aws/execute-api/"
SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/,]+)/(\d{8})/([^/,]+)/([^/,]+)/aws4_request, ?"
    r"SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})"
)
ROOT = re.compile(r"test|\d{12}")


def refusal(scope: dict) -> str | None:
    """Why a request goes no further, or None."""
    headers = {name.lower(): value for name, value in scope["headers"]}
    if not HOSTS.fullmatch(headers.get(b"host", b"")):
        return "the request names another host"
    if b"origin" in headers or b"sec-fetch-site" in headers:
        return "the request comes from a web page"
    path, authorization = scope["path"], headers.get(b"authorization", b"")
    if path == HEALTH or path.startswith(API) and not authorization.startswith(b"AWS"):
        return None
    if path.startswith(("/_ministack", "/_localstack", "/health")):
        return "nothing is administered here"
    signed = SIGNED.fullmatch(authorization.decode("latin-1"))
    if signed is None:
        return "the request is not signed in its header"
    if ROOT.fullmatch(signed[1]) and not is_by_root(scope, headers, signed):
        return "the signature is not the root's"
    message_moves.caller.set(signed[1])
    return None


def is_by_root(scope: dict, headers: dict, signed: re.Match) -> bool:
    """Whether the request is signed with the secret of the roots (the emulator checks everybody else's by itself)."""
    _, date, region, service, names, signature = signed.groups()
    texts = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers.items()}
    canonical = sigv4.build_canonical_request(
        scope["method"],
        scope["path"],
        texts,
        dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        names,
        payload_hash=texts.get("x-amz-content-sha256", ""),
    )
    to_sign = sigv4.build_string_to_sign(texts.get("x-amz-date", ""), date, region, service, canonical)
    return sigv4.calculate_signature(SECRET, date, region, service, to_sign) == signature


def guarded(app):
    async def door(scope, receive, send):
        if scope["type"] == "websocket":
            return
        reason = refusal(scope) if scope["type"] == "http" else None
        if reason is None:
            await app(scope, receive, send)
            return
        body = ('{"__type":"AccessDeniedException","message":"' + reason + '"}').encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 403, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return door


durable_streams.install()
message_moves.install()
emulator.app = guarded(emulator.app)
emulator.main()
