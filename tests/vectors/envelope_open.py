#!/usr/bin/env python3
"""Opens Hearthkey envelopes (version 1) from a vector file, written from the format alone.

Independent of the Rust code: it shares the description of the format and PyPI `cryptography`, nothing else. For tests
only; it takes no care of secrets in memory. Exits with 0 when every envelope opened or was refused as the file says.
"""

import argparse
import base64
import hashlib
import hmac
import json
import re
import struct
import sys

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

BLOCK = 256
MAX_PLAINTEXT = 1024 * 1024


class Refused(Exception):
    """The envelope does not open here."""


def hkdf(key, salt, info, length):
    return HKDF(algorithm=SHA256(), length=length, salt=salt, info=info).derive(key)


def keychain_generations(text):
    """`ks1;g=<generation>:<base64url>[;g=<generation - 1>:<base64url>]` as {generation: key}."""
    head, *parts = text.split(";")
    assert head == "ks1" and len(parts) in (1, 2), "not a keychain key"
    keys = {}
    for part in parts:
        number, key = re.fullmatch(r"g=([1-9][0-9]*):([A-Za-z0-9_-]{43})", part).groups()
        keys[int(number)] = base64.urlsafe_b64decode(key + "=")
    return keys


def associated_data(vault, context):
    def lp(value):
        return struct.pack(">I", len(value)) + value

    texts = [context[name].encode() for name in ("workspace", "table", "row", "field")]
    fields = [vault, *texts, struct.pack(">Q", context["version"]), context["issuer"].encode()]
    return b"".join(map(lp, [*fields, hashlib.sha256(context["policy"].encode()).digest()]))


def gcm(key, nonce, ciphertext, aad):
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, aad)
    except InvalidTag:
        raise Refused("tag") from None


def open_envelope(parents, vault, context, envelope):
    """The plaintext and the data key of an envelope; `parents` is {generation: parent key}."""
    if not 114 + BLOCK + 16 <= len(envelope) <= 114 + MAX_PLAINTEXT + BLOCK + 16:
        raise Refused("length")
    if envelope[:6] != b"KSE1\x01\x00" or (len(envelope) - 114 - 16) % BLOCK:
        raise Refused("format")
    (generation,) = struct.unpack(">I", envelope[6:10])
    if generation not in parents:
        raise Refused("generation")
    wrap_nonce, wrapped, commitment = envelope[10:22], envelope[22:70], envelope[70:102]
    nonce, body = envelope[102:114], envelope[114:]
    aad = associated_data(vault, context)

    wrap_key = hkdf(parents[generation], vault, b"hearthkey/v1/wrap", 32)
    data_key = gcm(wrap_key, wrap_nonce, wrapped, b"hearthkey/v1/wrap" + envelope[:10] + aad)
    both = hkdf(data_key, None, b"hearthkey/v1/seal", 64)
    committed = b"hearthkey/v1/commit" + envelope[:6] + nonce + hashlib.sha256(aad).digest()
    if not hmac.compare_digest(hmac.digest(both[32:], committed, "sha256"), commitment):
        raise Refused("commitment")
    padded = gcm(both[:32], nonce, body, envelope[:6] + aad)
    plaintext = padded.rstrip(b"\0")
    if plaintext[-1:] != b"\x80" or len(plaintext) < 2 or len(padded) - len(plaintext) >= BLOCK:
        raise Refused("padding")
    return plaintext[:-1], data_key


def check_file(document):
    assert document["format"] == "hearthkey envelope v1", "unknown vector file"
    vault = bytes.fromhex(document["vault_id"].replace("-", ""))
    keychain = keychain_generations(document["keychain"])
    for check in document["key_checks"]:
        value = hkdf(keychain[check["generation"]], vault, b"hearthkey/v1/kcv", 16)
        assert value.hex() == check["value"], f"check value of generation {check['generation']}"

    def opened(parents, vector):
        try:
            plaintext, data_key = open_envelope(
                parents, vault, vector["context"], bytes.fromhex(vector["sealed"])
            )
        except Refused as reason:
            raise AssertionError(f"{vector['name']}: refused ({reason})") from None
        if "plaintext" in vector:
            assert plaintext.hex() == vector["plaintext"], f"{vector['name']}: another plaintext"
        if "draws" in vector:
            assert data_key.hex() == vector["draws"]["data_key"], f"{vector['name']}: another data key"
        return plaintext

    workspaces = {}
    for vector in document["workspaces"]:
        key = opened(keychain, vector)
        assert len(key) == 32, f"{vector['name']}: not 32 bytes"
        workspaces[vector["context"]["workspace"]] = {1: key}
    for vector in document["sealed"]:
        opened(workspaces[vector["context"]["workspace"]], vector)

    # A rotated workspace: its new key, and the key before, which is the same under another keychain key.
    newest, retiring = document["rotated"]["newest"], document["rotated"]["retiring"]
    workspace = newest["context"]["workspace"]
    assert newest["context"]["version"] == 2 and retiring["context"]["version"] == 1, "rotated: not generations 2 and 1"
    ring = {2: opened(keychain, newest), 1: opened(keychain, retiring)}
    assert ring[1] == workspaces[workspace][1] != ring[2], "rotated: another retiring key"
    before = {vector["name"]: bytes.fromhex(vector["sealed"]) for vector in document["sealed"]}
    for vector in document["rewrapped"]:
        opened({2: ring[2]}, vector)
        old, new = before[vector["of"]], bytes.fromhex(vector["sealed"])
        assert old[:6] == new[:6] and old[70:] == new[70:], f"{vector['name']}: not only bytes 6 to 70 changed"
        assert old[10:22] != new[10:22], f"{vector['name']}: the same nonce under two keys"
        for envelope in (new, new[:6] + old[6:10] + new[10:]):
            try:
                open_envelope({1: ring[1]}, vault, vector["context"], envelope)
            except Refused:
                continue
            raise AssertionError(f"{vector['name']}: opened under the key before")
    for vector in document["refused"]:
        parents = workspaces[vector["context"]["workspace"]]
        try:
            open_envelope(parents, vault, vector["context"], bytes.fromhex(vector["sealed"]))
        except Refused:
            continue
        raise AssertionError(f"{vector['name']}: opened, but must be refused")
    return [len(workspaces), *(len(document[name]) for name in ("sealed", "rewrapped", "refused"))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=argparse.FileType(encoding="utf-8"), help="vector file, - for standard input")
    document = json.load(parser.parse_args().file)
    try:
        workspaces, opened, rewrapped, refused = check_file(document)
    except AssertionError as problem:
        sys.exit(f"FAILED: {problem}")
    print(f"workspace keys {workspaces}, opened {opened}, re-wrapped {rewrapped}, refused {refused}")


if __name__ == "__main__":
    main()
