// Reports: a resource's history as a document.

import { HOME } from "../base";
import { done, send } from "./client";

export interface ReportWish {
  format: "pdf" | "csv";
  resourceType: string;
  resourceId: string;
  metricType?: string;
  /** RFC 3339. */
  start: string;
  end: string;
  title: string;
}

export interface ReportFile {
  name: string;
  data: Blob;
}

/** The document, under the name that the server gives it. */
export async function makeReport(wish: ReportWish): Promise<ReportFile> {
  const query = new URLSearchParams(
    Object.entries(wish).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const call = async (): Promise<{ data?: ReportFile; error?: unknown; response: Response }> => {
    const response = await send(
      new Request(`${HOME}/api/admin/reports/generate?${query}`, { credentials: "same-origin" }),
    );
    if (!response.ok) return { error: await readable(response), response };
    const name = nameOf(response.headers.get("Content-Disposition")) ?? `report.${wish.format}`;
    return { data: { name, data: await response.blob() }, response };
  };
  return done(call());
}

async function readable(response: Response): Promise<unknown> {
  const text = await response.text();
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Only what is a plain name of a file. */
export function nameOf(disposition: string | null): string | undefined {
  return /filename="([A-Za-z0-9._-]{1,120})"/.exec(disposition ?? "")?.[1];
}
