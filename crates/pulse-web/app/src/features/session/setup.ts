// The parts of the first setup that need no page. Pure but for the random numbers.

import { t } from "../../text";

const LEAST_CHARACTERS = 12;
/** Longer ones cannot be told apart by every hash that the server knows. */
const MOST_BYTES = 72;

/** What is wrong with a new password. */
export function passwordError(password: string): string | undefined {
  const size = new TextEncoder().encode(password).length;
  if (size < LEAST_CHARACTERS)
    return t("At least {least} characters, this has {has}", {
      least: LEAST_CHARACTERS,
      has: password.length,
    });
  return size > MOST_BYTES
    ? t("At most {most} bytes, this has {has}", { most: MOST_BYTES, has: size })
    : undefined;
}

/** A fresh API token: 256 random bits. */
export function newToken(): string {
  // Unlike the rest of `crypto`, this also works on plain HTTP.
  const bits = crypto.getRandomValues(new Uint8Array(32));
  return Array.from(bits, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
