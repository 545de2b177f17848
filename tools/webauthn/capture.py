"""Captures assertions of a real browser's authenticator into vectors/webauthn/chromium.json.

Needs Debian's chromium, and playwright in an environment of its own (neither is among this repository's dependencies):
`python3 -m venv /tmp/v && /tmp/v/bin/pip install playwright==1.65.2 && /tmp/v/bin/python tools/webauthn/capture.py`.
Chromium's virtual authenticator makes the key and the signatures; the page is answered by the tool itself, so that no
network is used. Every fifth client data or so has a field more, which Chromium adds so that nobody relies on its form;
those are kept under `greased`.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright  # type: ignore[import-not-found]

RP_ID = "approvals.strongroom.example"
MESSAGE = "DSSEv1 a statement"
FILE = Path(__file__).resolve().parents[2] / "vectors/webauthn/chromium.json"
ASSERTIONS = 24
WANTED = 4
AUTHENTICATOR = {
    "protocol": "ctap2",
    "ctap2Version": "ctap2_1",
    "transport": "usb",
    "hasResidentKey": False,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
PAGE = "<!doctype html><title>keys</title>"
MAKE_KEY = """async rp => {
  const made = await navigator.credentials.create({publicKey: {
    challenge: new Uint8Array(32), rp: {id: rp, name: rp}, user: {id: new Uint8Array([1]), name: "p", displayName: "p"},
    pubKeyCredParams: [{type: "public-key", alg: -7}], authenticatorSelection: {userVerification: "required"},
    attestation: "none"}});
  window.credential = made.rawId;
  return btoa(String.fromCharCode(...new Uint8Array(made.response.getPublicKey())));
}"""
SIGN = """async ([rp, message]) => {
  const challenge = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(message));
  const found = await navigator.credentials.get({publicKey: {challenge, rpId: rp, userVerification: "required",
    allowCredentials: [{type: "public-key", id: window.credential}]}});
  const text = raw => btoa(String.fromCharCode(...new Uint8Array(raw)));
  return {authenticator_data: text(found.response.authenticatorData), client_data: text(found.response.clientDataJSON),
    der_signature: text(found.response.signature)};
}"""


def main() -> None:
    """Make one key, sign often, and keep a few of each kind."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.route(
            "**/*", lambda route: route.fulfill(body="<!doctype html><title>keys</title>", content_type="text/html")
        )
        FILE.write_text(json.dumps(capture(page, browser.version), indent=1) + "\n", encoding="utf-8")
        browser.close()


def capture(page: Page, version: str) -> dict[str, Any]:
    """What the vector holds. der_signature: as the authenticator made it, of either s."""
    page.goto(f"https://{RP_ID}/")
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    spki = base64.b64decode(page.evaluate(MAKE_KEY, RP_ID))
    found = [page.evaluate(SIGN, [RP_ID, MESSAGE]) for _ in range(ASSERTIONS)]
    greased = [each for each in found if b"other_keys" in base64.b64decode(each["client_data"])]
    plain = [each for each in found if each not in greased]
    return {
        "source": f"Chromium {version}, virtual authenticator (CTAP 2.1, USB), by tools/webauthn/capture.py",
        "rp_id": RP_ID,
        "message": MESSAGE,
        "point": spki[-65:].hex(),
        "assertions": plain[:WANTED],
        "greased": greased[:1],
    }


if __name__ == "__main__":
    main()
