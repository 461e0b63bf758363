import { expect, it } from "vitest";
import { errorText } from "./client";
import { licenceGap } from "./licence";

const BODY = { error: "license_required", feature: "long_term_metrics", max_free: "7d", message: "x" };

it("names what the licence leaves out, and what works without it", () => {
  expect(licenceGap(402, BODY)).toEqual({
    feature: "long_term_metrics",
    title: "History of more than 7 days",
    most: "7d",
  });
  expect(licenceGap(403, BODY)).toBeUndefined();
});

it("says something for a feature that it does not know, or none", () => {
  expect(licenceGap(402, { feature: "toString" })?.title).toBe("toString");
  expect(licenceGap(402, "no JSON")?.title).toBe("This");
  expect(licenceGap(402, null)?.title).toBe("This");
});

it("is the sentence of every refused request", () => {
  expect(errorText(402, BODY)).toBe(
    "History of more than 7 days: not part of this server's licence. Everything else works as before.",
  );
});
