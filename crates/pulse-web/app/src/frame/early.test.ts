// @vitest-environment happy-dom

import { expect, test } from "vitest";
import { collectEarly } from "./early";

test("what is typed while the box is loaded is kept, and nothing before or after", () => {
  let isWaiting = false;
  const heard: string[] = [];
  const onKey = (event: KeyboardEvent): void => void heard.push(event.key);
  const early = collectEarly(() => isWaiting);
  window.addEventListener("keydown", onKey);
  const press = (key: string, more: KeyboardEventInit = {}): void => {
    window.dispatchEvent(new KeyboardEvent("keydown", { key, cancelable: true, ...more }));
  };
  press("a");
  isWaiting = true;
  for (const key of ["n", "a", "Shift", "Enter", "s"]) press(key);
  press("k", { ctrlKey: true });
  isWaiting = false;
  press("g");
  expect(early.take()).toBe("nas");
  expect(early.take()).toBe("");
  expect(heard).toEqual(["a", "Shift", "Enter", "k", "g"]);
  early.stop();
  isWaiting = true;
  press("z");
  expect(early.take()).toBe("");
  window.removeEventListener("keydown", onKey);
});
