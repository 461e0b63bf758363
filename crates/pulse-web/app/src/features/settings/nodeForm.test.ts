import { describe, expect, it } from "vitest";
import type { ConfiguredNode } from "../../api/calls";
import { EMPTY_FORM, formErrors, formOf, hostPart, type NodeForm, toRequest } from "./nodeForm";

const PBS_OFF = {
  monitorDatastores: false,
  monitorSyncJobs: false,
  monitorVerifyJobs: false,
  monitorPruneJobs: false,
  monitorGarbageJobs: false,
  excludeDatastores: [],
};

const GOOD: NodeForm = {
  ...EMPTY_FORM,
  host: "pve1.lan",
  tokenName: "pulse@pve!monitor",
  tokenValue: "secret",
};

describe("formErrors", () => {
  it("lets a complete form through", () => {
    expect(formErrors(GOOD)).toEqual({});
    expect(formErrors({ ...GOOD, fingerprint: `${"AA:".repeat(31)}BB` })).toEqual({});
    expect(
      formErrors({ ...EMPTY_FORM, host: "h", signIn: "password", user: "root@pam", password: "x" }),
    ).toEqual({});
  });

  it("names each field that is wrong, and only those of the chosen way", () => {
    expect(Object.keys(formErrors(EMPTY_FORM))).toEqual(["host", "tokenName", "tokenValue"]);
    expect(Object.keys(formErrors({ ...EMPTY_FORM, signIn: "password" }))).toEqual([
      "host",
      "user",
      "password",
    ]);
    expect(formErrors({ ...GOOD, tokenName: "monitor" }).tokenName).toContain("pulse@pve!monitor");
    expect(formErrors({ ...GOOD, fingerprint: "AA:BB" }).fingerprint).toContain("64");
  });
});

describe("a node that is there", () => {
  it("keeps its secret where none is typed", () => {
    const form = formOf({
      id: "pve-0",
      type: "pbs",
      name: "vault",
      host: "https://vault.lan:8007",
      hasToken: true,
      hasPassword: false,
      tokenName: "pulse@pbs!monitor",
      verifySSL: false,
      status: "connected",
    } as ConfiguredNode);
    expect(formErrors(form)).toHaveProperty("tokenValue");
    expect(formErrors(form, true)).toEqual({});
    expect(toRequest(form)).toEqual({
      type: "pbs",
      name: "vault",
      host: "https://vault.lan:8007",
      verifySSL: false,
      tokenName: "pulse@pbs!monitor",
      ...PBS_OFF,
    });
  });

  it("keeps what is read of it and where people open it, which the server would clear or reset otherwise", () => {
    const node = {
      id: "pmg-0",
      type: "pmg",
      name: "mx",
      host: "https://mx.lan:8006",
      hasToken: false,
      user: "pulse@pmg",
      guestURL: "https://mx.example.org",
      monitorQueues: true,
    } as ConfiguredNode;
    expect(toRequest(formOf(node), node)).toMatchObject({
      guestURL: "https://mx.example.org",
      monitorMailStats: false,
      monitorQueues: true,
      monitorQuarantine: false,
      monitorDomainStats: false,
    });
    const disks = { id: "pve-0", type: "pve", name: "a", host: "a", monitorVMs: true } as ConfiguredNode;
    expect(toRequest(formOf(disks), disks)).toMatchObject({
      monitorVMs: true,
      monitorStorage: false,
      monitorPhysicalDisks: true,
    });
  });
});

describe("a certificate authority", () => {
  const PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----";

  it("is sent as pasted, asks for verification, and is taken away by clearing the field", () => {
    const request = toRequest({ ...GOOD, verifySsl: false, caCertificate: ` ${PEM}\n` });
    expect([request.caCertificate, request.verifySSL]).toEqual([PEM, true]);
    expect(toRequest(GOOD)).not.toHaveProperty("caCertificate");
    const known = { id: "pve-0", caCertificate: PEM } as ConfiguredNode;
    expect(toRequest(GOOD, known).caCertificate).toBe("");
  });

  it("is not mistaken for something else", () => {
    expect(formErrors({ ...GOOD, caCertificate: PEM })).toEqual({});
    expect(formErrors({ ...GOOD, caCertificate: "AA:BB" }).caCertificate).toContain("BEGIN CERTIFICATE");
    const key = "-----BEGIN EC PRIVATE KEY-----";
    expect(formErrors({ ...GOOD, caCertificate: key }).caCertificate).toContain("private key");
  });
});

describe("toRequest", () => {
  it("sends only the chosen way to sign in, and a name in any case", () => {
    expect(toRequest({ ...GOOD, user: "left over", password: "left over" })).toEqual({
      type: "pve",
      name: "pve1.lan",
      host: "pve1.lan",
      verifySSL: true,
      tokenName: "pulse@pve!monitor",
      tokenValue: "secret",
      monitorVMs: true,
      monitorContainers: true,
      monitorStorage: true,
      monitorBackups: true,
      monitorPhysicalDisks: true,
    });
  });

  it("asks for everything of a new backup server, and leaves out what somebody names", () => {
    const request = toRequest({ ...GOOD, kind: "pbs", excluded: " usb-*, ,test" });
    expect(request).toMatchObject({ monitorDatastores: true, monitorGarbageJobs: true });
    expect(request.excludeDatastores).toEqual(["usb-*", "test"]);
    expect(request).not.toHaveProperty("monitorVMs");
  });

  it("does not ask a pinned certificate for an authority", () => {
    expect(toRequest({ ...GOOD, fingerprint: " AA " })).toMatchObject({
      fingerprint: "AA",
      verifySSL: false,
    });
  });
});

describe("hostPart", () => {
  it.each([
    ["https://pve1.lan:8006/x", "pve1.lan"],
    ["192.0.2.4:8006", "192.0.2.4"],
    ["[2001:db8::1]:8006", "2001:db8::1"],
    [" pve1 ", "pve1"],
    ["", ""],
  ])("%j", (address, host) => expect(hostPart(address)).toBe(host));
});
