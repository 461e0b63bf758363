import { describe, expect, it } from "vitest";
import { picture } from "./Meter";

describe("the picture of a bar", () => {
  it("is its length over the track", () => {
    expect(picture(41.6, {})).toBe(
      "linear-gradient(var(--fill),var(--fill)) no-repeat 0 0/42% 100% var(--meter-track)",
    );
  });

  it("has lines on top, a line below and gaps, in that order, and never leaves the bar", () => {
    const layers = picture(50, { at: [120], cuts: [20], below: 7 }).split(/,(?=linear)/);
    expect(layers).toHaveLength(4);
    expect(layers[0]).toContain("100% 50%/2px");
    expect(layers[1]).toContain("0 100%/7% 2px");
    expect(layers[2]).toContain("var(--surface)");
    expect(layers[3]).toContain("50% 100% var(--meter-track)");
  });
});
