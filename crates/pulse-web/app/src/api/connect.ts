// Requests that find nodes, and that let them connect themselves.

import { request } from "./request";

export interface FoundServer {
  ip: string;
  port: number;
  type: string;
  hostname?: string | null;
  fingerprint: string;
}

/** Nothing in `subnet` means the private networks of the server itself. */
export const searchNetwork = (subnet: string): Promise<{ servers: FoundServer[]; errors: string[] }> =>
  request("POST", "/api/discover", subnet === "" ? {} : { subnet });

/** A command that is good once; `expires` in Unix seconds. */
export const setupCommand = (type: string, host: string): Promise<{ command: string; expires: number }> =>
  request("POST", "/api/setup-script-url", {
    type,
    backupPerms: true,
    ...(host === "" ? {} : { host }),
  });
