"""An OAuth 2.0 server on 127.0.0.1, made with Authlib: PKCE, rotation with reuse detection, `iss`.

python3 authlib_server.py [--access-token-seconds N] [--grace] [--device]
With --grace a refresh token that was used works again; without, it ends the whole family, as RFC 9700 section 4.14 asks.
With --device it has the device grant as well.
It prints where it listens, ends when standard input closes, and has the control routes that oidc.mjs describes.
"""

import argparse
import json
import os
import socket
import sys
import threading
import time
from html import escape

# Everything here is loopback.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"

from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector, current_token
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationCodeMixin, ClientMixin, TokenMixin, grants
from authlib.oauth2.rfc6750 import BearerTokenValidator
from authlib.oauth2.rfc7009 import RevocationEndpoint
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oauth2.rfc8628 import (
    DEVICE_CODE_GRANT_TYPE,
    DeviceAuthorizationEndpoint,
    DeviceCodeGrant,
    DeviceCredentialDict,
)
from authlib.oauth2.rfc9207 import IssuerParameter
from flask import Flask, Response, jsonify, redirect, request, session
from werkzeug.serving import WSGIRequestHandler, make_server

SCOPES = ["profile", "email", "offline_access"]

parser = argparse.ArgumentParser()
parser.add_argument("--access-token-seconds", type=int, default=3600)
parser.add_argument("--grace", action="store_true")
parser.add_argument("--device", action="store_true")
options = parser.parse_args()

app = Flask(__name__)
app.secret_key = "these cookies live as long as the test"
GRANTS = ["authorization_code", "refresh_token"] + [DEVICE_CODE_GRANT_TYPE] * options.device
life = {grant: options.access_token_seconds for grant in GRANTS}
app.config.update(
    OAUTH2_SCOPES_SUPPORTED=SCOPES, OAUTH2_REFRESH_TOKEN_GENERATOR=True, OAUTH2_TOKEN_EXPIRES_IN=life
)

lock = threading.RLock()
codes, devices, tokens, journal = {}, {}, [], []
control = {"token-reply": None, "metadata": {}}


class Client(ClientMixin):
    """The one client: public, native, any port of the loopback redirect (RFC 8252 section 7.3)."""

    def get_client_id(self):
        return "hearthkey"

    def get_default_redirect_uri(self):
        return None

    def get_allowed_scope(self, scope):
        return " ".join(word for word in (scope or "").split() if word in SCOPES)

    def check_redirect_uri(self, redirect_uri):
        if redirect_uri == "app.hearthkey:/oauth/callback":
            return True
        start, _, path = redirect_uri.removeprefix("http://127.0.0.1:").partition("/")
        return redirect_uri.startswith("http://127.0.0.1:") and start.isdigit() and path == "oauth/callback"

    def check_endpoint_auth_method(self, method, endpoint):
        return method == "none"

    def check_response_type(self, response_type):
        return response_type == "code"

    def check_grant_type(self, grant_type):
        return grant_type in GRANTS


CLIENT = Client()


class Code(AuthorizationCodeMixin):
    def __init__(self, code, asked):
        self.code, self.person, self.scope = code, asked.user, asked.scope
        self.redirect_uri = asked.payload.redirect_uri
        self.code_challenge = asked.payload.data.get("code_challenge")
        self.code_challenge_method = asked.payload.data.get("code_challenge_method")

    def get_redirect_uri(self):
        return self.redirect_uri

    def get_scope(self):
        return self.scope


class Family:
    """Everything that came from one consent."""

    alive = True


class Token(TokenMixin):
    def __init__(self, reply, person, family):
        self.access, self.refresh, self.scope = reply["access_token"], reply.get("refresh_token"), reply["scope"]
        self.expires_in, self.person, self.family = reply["expires_in"], person, family
        self.ends_at, self.used, self.revoked = time.time() + self.expires_in, False, False

    def check_client(self, client):
        return client is CLIENT

    def get_scope(self):
        return self.scope

    def get_expires_in(self):
        return self.expires_in

    def is_expired(self):
        return time.time() >= self.ends_at

    def is_revoked(self):
        return self.revoked or not self.family.alive


def find(kind, value):
    return next((token for token in tokens if getattr(token, kind) == value), None)


def save_token(reply, asked):
    spent = getattr(asked, "refresh_token", None)
    with lock:
        tokens.append(Token(reply, asked.user, spent.family if spent else Family()))


server = AuthorizationServer(app, query_client={"hearthkey": CLIENT}.get, save_token=save_token)


class CodeGrant(grants.AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

    def save_authorization_code(self, code, request):
        codes[code] = Code(code, request)

    def query_authorization_code(self, code, client):
        return codes.get(code)

    def delete_authorization_code(self, authorization_code):
        codes.pop(authorization_code.code, None)

    def authenticate_user(self, authorization_code):
        return authorization_code.person


class RefreshGrant(grants.RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token):
        with lock:
            token = find("refresh", refresh_token)
            if token and token.used and not options.grace:
                token.family.alive = False
            return token if token and token.family.alive else None

    def authenticate_user(self, refresh_token):
        return refresh_token.person

    def revoke_old_credential(self, refresh_token):
        refresh_token.used = True


class DeviceGrant(DeviceCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["none"]

    def query_device_credential(self, device_code):
        return devices.get(device_code)

    def query_user_grant(self, user_code):
        return next((device.get("answer") for device in devices.values() if device["user_code"] == user_code), None)

    def should_slow_down(self, credential):
        now = time.time()
        asked_at, credential["asked_at"] = credential.get("asked_at", 0), now
        return now - asked_at < credential["interval"] - 0.5


class DeviceEndpoint(DeviceAuthorizationEndpoint):
    CLIENT_AUTH_METHODS = ["none"]
    INTERVAL = 1

    def get_verification_uri(self):
        return f"{issuer}/device"

    def save_device_credential(self, client_id, scope, data):
        ends = time.time() + data["expires_in"]
        devices[data["device_code"]] = DeviceCredentialDict(data, client_id=client_id, scope=scope, expires_at=ends)


class Revocation(RevocationEndpoint):
    CLIENT_AUTH_METHODS = ["none"]

    def query_token(self, token_string, token_type_hint):
        return find("refresh", token_string) or find("access", token_string)

    def revoke_token(self, token, request):
        token.family.alive = False


class Validator(BearerTokenValidator):
    def authenticate_token(self, token_string):
        return find("access", token_string)


class Issuer(IssuerParameter):
    def get_issuer(self):
        return issuer


server.register_grant(CodeGrant, [CodeChallenge(required=True)])
server.register_grant(RefreshGrant)
if options.device:
    server.register_grant(DeviceGrant)
    server.register_endpoint(DeviceEndpoint)
server.register_endpoint(Revocation)
server.register_extension(Issuer())
protected = ResourceProtector()
protected.register_token_validator(Validator())


def page(title, body):
    text = f"<h1>{escape(title)}</h1>{body}"
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>{text}</html>'


def form(fields):
    return f'<form method="post">{fields}</form>'


LOGIN = form('<label>Name <input name="name" required></label><button>Sign in</button>')
ANSWER = form(
    '<button name="answer" value="allow">Allow</button><button name="answer" value="deny">Deny</button>'
)


def signed_in():
    """The name that was typed, and where to go on with it."""
    session["name"] = request.form["name"]
    return redirect(request.url, 303)


@app.route("/authorize", methods=["GET", "POST"])
def authorize():
    if "name" in request.form:
        return signed_in()
    try:
        grant = server.get_consent_grant(end_user=session.get("name"))
    except OAuth2Error as error:
        return page("This did not work", f"<p>{escape(str(error))}</p>"), 400
    if "name" not in session:
        return page("Sign in", LOGIN)
    if "answer" not in request.form:
        return page("Allow Hearthkey?", ANSWER)
    allowed = session["name"] if request.form["answer"] == "allow" else None
    return server.create_authorization_response(grant=grant, grant_user=allowed)


@app.route("/device", methods=["GET", "POST"])
def device_page():
    if "name" in request.form:
        return signed_in()
    code = request.values.get("user_code", "").upper()
    device = next((device for device in devices.values() if device["user_code"] == code), None)
    if device is None:
        field = '<form method="get" action="/device"><input type="text" name="user_code" required><button>Continue</button></form>'
        return page("Connect a device", field), 400 if code else 200
    if "name" not in session:
        return page("Sign in", LOGIN)
    if "answer" not in request.form:
        return page("Is this your device?", f"<p>{escape(code)}</p>{ANSWER}")
    device["answer"] = (session["name"], request.form["answer"] == "allow")
    return page("Connected" if device["answer"][1] else "Not connected", "<p>You can close this page.</p>")


@app.post("/token")
def token_endpoint():
    return server.create_token_response()


@app.post("/revoke")
def revocation_endpoint():
    return server.create_endpoint_response(Revocation.ENDPOINT_NAME)


@app.post("/device_authorization")
def device_endpoint():
    return server.create_endpoint_response(DeviceEndpoint.ENDPOINT_NAME)


@app.get("/userinfo")
@protected("profile")
def userinfo():
    name = current_token.person
    return jsonify(sub=name, email=f"{name}@authlib.example", name=f"{name} of the Test", preferred_username=name)


@app.get("/.well-known/openid-configuration")
@app.get("/.well-known/oauth-authorization-server")
def metadata():
    document = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "revocation_endpoint": f"{issuer}/revoke",
        "device_authorization_endpoint": f"{issuer}/device_authorization" if options.device else None,
        "response_types_supported": ["code"],
        "grant_types_supported": GRANTS,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "scopes_supported": SCOPES,
        "authorization_response_iss_parameter_supported": True,
    }
    document.update(control["metadata"])
    return jsonify({name: value for name, value in document.items() if value is not None})


@app.route("/_control/<what>", methods=["GET", "POST", "PUT"])
def controlled(what):
    asked = f"{request.method} {what}"
    with lock:
        if asked == "GET journal":
            return jsonify(journal)
        if asked == "GET token-requests":
            kinds = [entry["grant"] for entry in journal if "grant" in entry]
            return jsonify({kind: kinds.count(kind) for kind in kinds})
        if asked == "GET access-tokens":
            return jsonify([token.access for token in tokens])
        if asked == "GET refresh-tokens":
            return jsonify([token.refresh for token in tokens if token.refresh])
        for token in tokens if asked == "POST expire-access-tokens" else []:
            token.revoked = True
        for token in tokens if asked == "POST revoke-grants" else []:
            token.family.alive = False
        if request.method == "PUT" and what in control:
            control[what] = json.loads(request.data)
        return "", 204


@app.before_request
def instead():
    wanted = control["token-reply"]
    if request.path != "/token" or not wanted:
        return None
    time.sleep(wanted.get("late", 0) / 1000)
    if "status" in wanted:
        return Response(wanted.get("body", ""), wanted["status"], wanted.get("headers"))
    return None


@app.after_request
def note(response):
    if not request.path.startswith("/_control/"):
        entry = {"method": request.method, "path": request.path, "status": response.status_code}
        if request.path == "/token":
            entry["grant"] = request.form.get("grant_type", "none")
        with lock:
            journal.append(entry)
    return response


def wire(environ, start_response):
    """The application; a reply that is to be swallowed has been worked out when the connection is cut."""
    reply = app(environ, start_response)
    wanted = control["token-reply"]
    if environ["PATH_INFO"] == "/token" and wanted and wanted.get("swallow"):
        environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
    return reply


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type, message, *args):
        pass


def end_with_standard_input():
    sys.stdin.buffer.read()
    os._exit(0)


listener = make_server("127.0.0.1", 0, wire, threaded=True, request_handler=Quiet)
issuer = f"http://127.0.0.1:{listener.port}"
threading.Thread(target=end_with_standard_input, daemon=True).start()
print(f"listening on {issuer}", flush=True)
listener.serve_forever()
