import { expect, it } from "vitest";
import { ApiError } from "../../api/client";
import { refusalOf } from "./refusal";

it("tells what the licence lacks from what somebody may not", () => {
  const paid = new ApiError(402, "no", { error: "license_required", feature: "rbac" });
  expect(refusalOf(paid)).toMatchObject({ kind: "licence", gap: { feature: "rbac", title: "Roles" } });
  const scope = new ApiError(403, "missing_scope", {
    error: "missing_scope",
    requiredScope: "settings:read",
  });
  expect(refusalOf(scope)).toEqual({ kind: "forbidden", why: "The right settings:read is missing." });
  const role = new ApiError(403, "no", { error: "forbidden", action: "read", resource: "audit_logs" });
  expect(refusalOf(role)).toEqual({
    kind: "forbidden",
    why: "Your roles do not allow “read” on “audit_logs”.",
  });
  for (const body of [{ error: "Admin privileges required" }, "text", null, { action: 1, resource: {} }])
    expect(refusalOf(new ApiError(403, "no", body))).toEqual({
      kind: "forbidden",
      why: "Only administrators of this server may.",
    });
});

it("says of everything else what the server said", () => {
  expect(refusalOf(new ApiError(500, "disk full"))).toEqual({ kind: "failed", why: "disk full" });
  expect(refusalOf("odd")).toEqual({ kind: "failed", why: "odd" });
});
