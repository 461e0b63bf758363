// What each threshold is called. Pure.

import type { Metric } from "../../api/alertConfig";
import { t } from "../../text";

export const TITLES: Readonly<Record<Metric, string>> = {
  cpu: t("CPU %"),
  memory: t("Memory %"),
  disk: t("Disk %"),
  diskRead: t("Read MB/s"),
  diskWrite: t("Write MB/s"),
  networkIn: t("Net in MB/s"),
  networkOut: t("Net out MB/s"),
  usage: t("Used %"),
  temperature: t("Temp. °C"),
  diskTemperature: t("Disk temp. °C"),
};
