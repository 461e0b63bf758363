// @vitest-environment happy-dom
import { afterEach, expect, it, vi } from "vitest";
import { makeReport, nameOf, type ReportWish } from "./reports";

const WISH: ReportWish = {
  format: "pdf",
  resourceType: "vm",
  resourceId: "lab:n1:101&x=1",
  start: "2026-11-20T00:00:00Z",
  end: "2026-11-21T00:00:00Z",
  title: "<b>week</b> #1",
};

afterEach(() => vi.unstubAllGlobals());

it("asks for just what was chosen and takes the server's name for it", async () => {
  const seen = vi.fn(
    async (_: Request) =>
      new Response("%PDF-1.4", {
        headers: { "Content-Disposition": 'attachment; filename="report-lab-20261121.pdf"' },
      }),
  );
  vi.stubGlobal("fetch", seen);
  const file = await makeReport(WISH);
  expect(file.name).toBe("report-lab-20261121.pdf");
  const query = new URL(seen.mock.calls[0]?.[0].url ?? "").searchParams;
  expect(query.get("resourceId")).toBe(WISH.resourceId);
  expect(query.get("title")).toBe(WISH.title);
  expect(query.has("metricType")).toBe(false);
});

it("says why there is none", async () => {
  const body = { error: "start must be before end, and before now", code: "invalid_range" };
  vi.stubGlobal("fetch", async () => Response.json(body, { status: 400 }));
  await expect(makeReport(WISH)).rejects.toMatchObject({ status: 400, message: body.error });
});

it("takes no name that leads anywhere", () => {
  expect(nameOf('attachment; filename="a-b.csv"')).toBe("a-b.csv");
  for (const text of [null, "", 'attachment; filename="../x"', 'filename="a b"'])
    expect(nameOf(text)).toBeUndefined();
});
