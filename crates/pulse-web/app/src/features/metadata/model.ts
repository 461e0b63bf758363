// Notes and links as the form holds them. Pure.

import { t } from "../../text";

/** What is wrong with a link; an empty one takes it away. */
export function linkError(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  try {
    const { protocol, hostname } = new URL(trimmed);
    // Never `javascript:`: the link is clicked by other people.
    if ((protocol === "http:" || protocol === "https:") && hostname !== "" && !hostname.endsWith("."))
      return undefined;
  } catch {
    // Said below.
  }
  return t("A link begins with http:// or https:// and a host");
}

export function notesOf(text: string): string[] {
  return text
    .split("\n")
    .map((line) => line.trimEnd())
    .filter((line) => line.trim() !== "");
}

export function textOf(record: { notes?: readonly string[] | null } | undefined): string {
  return (record?.notes ?? []).join("\n");
}
