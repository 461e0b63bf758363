import { expect, it } from "vitest";
import { profileConfig, profileTexts } from "./profileForm";

const KEYS = [
  { Key: "interval", Type: "duration" },
  { Key: "enable_docker", Type: "bool" },
];

it("leaves out what is empty, and sends switches as switches", () => {
  expect(profileConfig(KEYS, { interval: " 30s ", enable_docker: "false", log_level: "" })).toEqual({
    interval: "30s",
    enable_docker: false,
  });
});

it("keeps what it does not know", () => {
  expect(profileConfig(KEYS, profileTexts({ old: "x", enable_docker: true }))).toEqual({
    old: "x",
    enable_docker: true,
  });
});
