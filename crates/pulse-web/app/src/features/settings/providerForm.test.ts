import { expect, it } from "vitest";
import { changeOf, EMPTY, formOf } from "./providerForm";

it("gives back what it was given, and a secret only when one was typed", () => {
  const stored = {
    ...EMPTY,
    enabled: true,
    scopes: ["openid", "groups"],
    allowedGroups: ["Domain Admins", "cn=ops,ou=groups,dc=lan"],
    allowedDomains: ["example.org"],
    allowedEmails: [],
    groupRoleMappings: { "cn=ops,dc=lan": "admin", staff: "viewer" },
    clientSecretSet: true,
    defaultRedirect: "",
  };
  const { clientSecret, clientSecretSet, defaultRedirect, ...kept } = stored;
  expect([clientSecret, clientSecretSet, defaultRedirect]).toEqual(["", true, ""]);
  expect(changeOf(formOf(stored))).toEqual(kept);
  expect(changeOf({ ...EMPTY, clientSecret: "s" }).clientSecret).toBe("s");
});

it("leaves a line that is no mapping to the server to refuse", () => {
  const form = { ...EMPTY, groupRoleMappings: "ops = admin\n\n=x\nnonsense" };
  expect(changeOf(form).groupRoleMappings).toEqual({ ops: "admin", "=x": "", nonsense: "" });
});
