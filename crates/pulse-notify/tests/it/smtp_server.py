"""A mail server for tests: STARTTLS or TLS, a login, and each mail as a line of JSON on standard output."""

import asyncio
import json
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

certificate, key, mode = sys.argv[1:4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


def say(value):
    print(json.dumps(value), flush=True)


class Handler:
    async def handle_DATA(self, server, session, envelope):
        if any(to.startswith("later@") for to in envelope.rcpt_tos):
            return "451 try again later"
        say({"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": bool(session.ssl) or mode == "tls",
             "login": session.auth_data, "text": envelope.content.decode()})
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    if isinstance(data, LoginPassword) and data.login == b"pulse" and data.password == b"hunter2":
        return AuthResult(success=True, auth_data="pulse")
    return AuthResult(success=False, handled=False)


async def main():
    loop = asyncio.get_running_loop()

    def connection():
        starts = mode == "starttls"
        return SMTP(Handler(), loop=loop, tls_context=context if starts else None, require_starttls=starts,
                    auth_require_tls=starts, auth_required=True, authenticator=authenticate)

    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=context if mode == "tls" else None)
    say({"port": server.sockets[0].getsockname()[1]})
    await server.serve_forever()


asyncio.run(main())
