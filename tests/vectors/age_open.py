"""Opens age files (age-encryption.org/v1), written from the specification (C2SP age) with PyPI `cryptography` alone.

For tests only: strict where the specification is, and without care for secrets in memory.
"""

import base64
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

CHUNK = 64 * 1024
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


class NoAgeFile(Exception):
    """The file does not open with this."""


def hkdf(key, salt, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(key)


def unbase64(text):
    """Base64 without padding, canonical."""
    value = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    if base64.b64encode(value).decode().rstrip("=") != text:
        raise NoAgeFile("base64")
    return value


def bech32_checksum(prefix, data):
    """BIP 173."""
    values = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix] + data
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for at, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if top >> at & 1 else 0
    return check


def bech32_decode(prefix, text):
    text = text.lower()
    head, _, tail = text.rpartition("1")
    data = [BECH32.index(c) for c in tail]
    if head != prefix or bech32_checksum(prefix, data) != 1:
        raise NoAgeFile("Bech32")
    bits = "".join(f"{value:05b}" for value in data[:-6])
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))


def recipient_of(identity):
    """The `age1…` of an `AGE-SECRET-KEY-1…`."""
    public = X25519PrivateKey.from_private_bytes(bech32_decode("age-secret-key-", identity)).public_key()
    bits = "".join(f"{byte:08b}" for byte in public.public_bytes_raw()).ljust(260, "0")
    data = [int(bits[at : at + 5], 2) for at in range(0, 260, 5)]
    check = bech32_checksum("age", data + [0] * 6) ^ 1
    data += [check >> 5 * (5 - at) & 31 for at in range(6)]
    return "age1" + "".join(BECH32[value] for value in data)


def parse(file):
    """The stanzas as [(arguments, body)], the header up to its code, the code, and the payload."""
    lines, at = [], 0
    while True:
        end = file.index(b"\n", at)
        line, start, at = file[at:end].decode("ascii"), at, end + 1
        if line.startswith("---"):
            break
        lines.append(line)
    if lines[0] != "age-encryption.org/v1" or not line.startswith("--- "):
        raise NoAgeFile("header")
    stanzas, at_line = [], 1
    while at_line < len(lines):
        arrow, *arguments = lines[at_line].split(" ")
        if arrow != "->":
            raise NoAgeFile("stanza")
        body, at_line = "", at_line + 1
        while True:
            part, at_line = lines[at_line], at_line + 1
            body += part
            if len(part) < 64:
                break
        stanzas.append((arguments, unbase64(body)))
    return stanzas, file[: start + 3], unbase64(line[4:]), file[at:]


def decrypt_stanza(key, body):
    if len(body) != 32:
        raise NoAgeFile("file key")
    return ChaCha20Poly1305(key).decrypt(bytes(12), body, None)


def with_identity(stanzas, identity):
    secret = X25519PrivateKey.from_private_bytes(bech32_decode("age-secret-key-", identity))
    public = secret.public_key().public_bytes_raw()
    for arguments, body in stanzas:
        if arguments[0] == "X25519":
            share = unbase64(arguments[1])
            shared = secret.exchange(X25519PublicKey.from_public_bytes(share))
            try:
                return decrypt_stanza(hkdf(shared, share + public, b"age-encryption.org/v1/X25519"), body)
            except InvalidTag:
                continue
    raise NoAgeFile("no stanza for this identity")


def with_passphrase(stanzas, passphrase):
    ((arguments, body),) = stanzas
    kind, salt, log_n = arguments
    if kind != "scrypt" or int(log_n) > 20:
        raise NoAgeFile("scrypt")
    salt = b"age-encryption.org/v1/scrypt" + unbase64(salt)
    key = Scrypt(salt=salt, length=32, n=1 << int(log_n), r=8, p=1).derive(passphrase.encode())
    return decrypt_stanza(key, body), int(log_n)


def payload(file_key, nonce, ciphertext):
    key = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
    chunks = [ciphertext[at : at + CHUNK + 16] for at in range(0, max(len(ciphertext), 1), CHUNK + 16)]
    plaintext = b""
    for at, chunk in enumerate(chunks):
        last = at == len(chunks) - 1
        plaintext += key.decrypt(at.to_bytes(11, "big") + bytes([last]), chunk, None)
    if len(chunks) > 1 and len(chunks[-1]) == 16:
        raise NoAgeFile("empty last chunk")
    return plaintext


def decrypt(file, identity=None, passphrase=None):
    """The plaintext, and scrypt's log2(N) where there is one."""
    log_n = None
    try:
        stanzas, header, code, body = parse(file)
        if identity is not None:
            file_key = with_identity(stanzas, identity)
        else:
            file_key, log_n = with_passphrase(stanzas, passphrase)
        if not hmac.compare_digest(hmac.digest(hkdf(file_key, None, b"header"), header, "sha256"), code):
            raise NoAgeFile("header code")
        return payload(file_key, body[:16], body[16:]), log_n
    except (InvalidTag, ValueError, IndexError) as problem:
        raise NoAgeFile(f"{type(problem).__name__}: {problem}") from None
