#!/usr/bin/env python3
"""Opens Hearthkey key slots, passphrases and exports (version 1) from a vector file, written from the formats alone.

Independent of the Rust code: it shares the description of the formats with it. AES-GCM, HKDF, Argon2id, scrypt, X25519 and
ChaCha20-Poly1305 are OpenSSL's, by PyPI `cryptography`. For tests only. Exits with 0 when everything opened or was refused as
the file says.
"""

import argparse
import hashlib
import hmac
import json
import struct
import sys

from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

import age_open
from age_open import NoAgeFile
from envelope_open import Refused, hkdf, keychain_generations, open_envelope


def lp(value):
    return struct.pack(">I", len(value)) + value


def slot_context(slot, field, version, policy):
    return {
        "workspace": "",
        "table": "key_slots",
        "row": slot,
        "field": field,
        "version": version,
        "issuer": "",
        "policy": policy,
    }


def open_identity(vault, slot, passphrase):
    """The text of an identity that is sealed with a passphrase."""
    cost, salt = passphrase["cost"], passphrase["salt"]
    memory, passes, lanes = cost["memory_kib"], cost["passes"], cost["lanes"]
    kdf = Argon2id(salt=bytes.fromhex(salt), length=32, iterations=passes, lanes=lanes, memory_cost=memory)
    parent = kdf.derive(passphrase["text"].encode())
    policy = f"argon2id v=19 m={memory} t={passes} p={lanes} salt={salt}"
    context = slot_context(slot, "identity", 1, policy)
    return open_envelope({1: parent}, vault, context, bytes.fromhex(passphrase["sealed"]))[0].decode()


def open_slot(vault, slot):
    """The text of the keychain key in a slot, and its proof key."""
    identity, key = slot["identity"], bytes.fromhex(slot["key"])
    text, _ = age_open.decrypt(key, identity=identity)
    proof_key = hkdf(identity.encode(), vault, b"hearthkey/v1/slot-proof", 32)
    claim = b"hearthkey/v1/slot" + lp(vault) + lp(slot["slot"].encode())
    claim += struct.pack(">I", slot["generation"]) + hashlib.sha256(key).digest()
    if not hmac.compare_digest(hmac.digest(proof_key, claim, "sha256"), bytes.fromhex(slot["proof"])):
        raise Refused("proof")
    return text.decode(), proof_key


def check_file(document):
    assert document["format"] == "hearthkey slots v1", "unknown vector file"
    vault = bytes.fromhex(document["vault_id"].replace("-", ""))
    keychain = keychain_generations(document["keychain"])
    for slot in document["slots"]:
        name, generation = slot["name"], slot["generation"]
        assert age_open.recipient_of(slot["identity"]) == slot["recipient"], f"{name}: another recipient"
        try:
            text, proof_key = open_slot(vault, slot)
            # The proof key is sealed for this slot, generation and recipient, so that a rotation can renew it.
            context = slot_context(slot["slot"], "proof_key", generation, slot["recipient"])
            sealed = bytes.fromhex(slot["proof_key"])
            kept = open_envelope({generation: keychain[generation]}, vault, context, sealed)[0]
            if slot["passphrase"]:
                identity = open_identity(vault, slot["slot"], slot["passphrase"])
                assert identity == slot["identity"], f"{name}: another identity behind the passphrase"
        except (Refused, NoAgeFile) as reason:
            raise AssertionError(f"{name}: refused ({reason})") from None
        assert kept == proof_key, f"{name}: another proof key"
        assert keychain_generations(text) == {generation: keychain[generation]}, f"{name}: another key"
    for slot in document["refused"]:
        try:
            open_slot(vault, slot)
            if slot["passphrase"]:
                open_identity(vault, slot["slot"], slot["passphrase"])
        except (Refused, NoAgeFile):
            continue
        raise AssertionError(f"{slot['name']}: opened, but must be refused")
    for file in document["files"]:
        key = {name: file[name] for name in ("identity", "passphrase") if name in file}
        try:
            plaintext, log_n = age_open.decrypt(bytes.fromhex(file["file"]), **key)
        except NoAgeFile as reason:
            raise AssertionError(f"{file['name']}: refused ({reason})") from None
        assert plaintext.hex() == file["plaintext"], f"{file['name']}: another plaintext"
        assert log_n in (None, 18), f"{file['name']}: another work factor"
    return [len(document[name]) for name in ("slots", "refused", "files")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=argparse.FileType(encoding="utf-8"), help="vector file, - for standard input")
    document = json.load(parser.parse_args().file)
    try:
        slots, refused, files = check_file(document)
    except AssertionError as problem:
        sys.exit(f"FAILED: {problem}")
    print(f"slots {slots}, refused {refused}, files {files}")


if __name__ == "__main__":
    main()
