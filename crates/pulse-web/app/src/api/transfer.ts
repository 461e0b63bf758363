// The configuration out of the server and into it.

import { request } from "./request";

export const exportConfiguration = async (passphrase: string): Promise<string> =>
  (await request<{ data: string }>("POST", "/api/config/export", { passphrase })).data;

export const importConfiguration = (data: string, passphrase: string): Promise<unknown> =>
  request("POST", "/api/config/import", { data, passphrase });
