// A real OpenID Connect provider on loopback: any password will do, and the users are those below.
//
// node provider.mjs REDIRECT_URI - prints where it listens.
import { createServer } from "node:http";
import { generateKeyPairSync } from "node:crypto";
import Provider from "oidc-provider";

const redirectUri = process.argv[2];
if (!redirectUri) {
  console.error("usage: node provider.mjs REDIRECT_URI");
  process.exit(2);
}

const users = {
  kim: {
    preferred_username: "kim",
    name: "Kim",
    email: "Kim@Example.org",
    email_verified: true,
    groups: ["ops", "staff"],
  },
  eve: {
    preferred_username: "eve",
    name: "Eve",
    email: "eve@example.org.evil.example",
    email_verified: true,
    groups: ["guests"],
  },
  mallory: {
    preferred_username: "mallory",
    email: "kim@example.org",
    email_verified: false,
    groups: ["ops"],
  },
};

const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
const key = { ...privateKey.export({ format: "jwk" }), use: "sig", alg: "RS256", kid: "of-this-run" };

const server = createServer();
server.listen(0, "127.0.0.1", () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "pulse",
        client_secret: "the secret of: pulse/+%",
        redirect_uris: [redirectUri],
        grant_types: ["authorization_code", "refresh_token"],
        response_types: ["code"],
      },
    ],
    jwks: { keys: [key] },
    cookies: { keys: ["of-this-run"] },
    scopes: ["openid", "profile", "email", "groups", "offline_access"],
    claims: {
      openid: ["sub"],
      profile: ["preferred_username", "name"],
      email: ["email", "email_verified"],
      groups: ["groups"],
    },
    // Claims of the scopes stand in the ID token, as most providers do it.
    conformIdTokenClaims: false,
    pkce: { methods: ["S256"], required: () => true },
    findAccount: (_ctx, id) =>
      users[id] && { accountId: id, claims: async () => ({ sub: id, ...users[id] }) },
  });
  server.on("request", provider.callback());
  console.log(`listening on ${issuer}`);
});
