// Numbers as people say them, by the reader's language. Nothing here reads a clock or the page.

import { locale } from "../text";

/** What stands where a value is not known; never 0. */
export const DASH = "—";

/** Between a number and its unit: keeps them on one line. */
const NBSP = "\u00a0";

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB", "EB"] as const;

const formats = new Map<number, Intl.NumberFormat>();

/** A number with at most so many digits after the point; formats are made once, they are costly. */
export function number(value: number, digits = 0): string {
  let format = formats.get(digits);
  if (format === undefined) {
    format = new Intl.NumberFormat(locale(), { maximumFractionDigits: digits });
    formats.set(digits, format);
  }
  return format.format(value);
}

/** A number with exactly so many digits after the point, such as a load. */
export function fixed(value: number, digits: number): string {
  return value.toLocaleString(locale(), { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/**
 * Bytes, as `1.2 TB`. The steps are 1,024, as memory and disks are sized by those who set up guests:
 * a guest with 8 GB in Proxmox must read 8 GB here.
 */
export function bytes(value: number): string {
  const [amount, unit] = bytesParts(value);
  return `${amount}${NBSP}${unit}`;
}

function bytesParts(value: number): [string, string] {
  let size = Math.abs(value);
  let step = 0;
  // 999.5 and more would print as four digits.
  while (size >= 999.5 && step < UNITS.length - 1) {
    size /= 1024;
    step += 1;
  }
  const amount = number(size, step > 0 && size < 9.95 ? 1 : 0);
  return [value < 0 ? `-${amount}` : amount, UNITS[step] ?? "B"];
}

/** `3.4 / 8 GB`, or `640 MB / 8 GB` where the units differ. */
export function bytesOf(used: number, total: number): string {
  const [usedNumber, usedUnit] = bytesParts(used);
  const [totalNumber, totalUnit] = bytesParts(total);
  return usedUnit === totalUnit
    ? `${usedNumber}${NBSP}/${NBSP}${totalNumber}${NBSP}${totalUnit}`
    : `${usedNumber}${NBSP}${usedUnit}${NBSP}/${NBSP}${totalNumber}${NBSP}${totalUnit}`;
}

/** Bytes per second. */
export function rate(value: number): string {
  return `${bytes(value)}/s`;
}

/** A count where there is little room: `2K` for two thousand. */
export function shortNumber(value: number): string {
  return value < 1_000
    ? String(value)
    : value.toLocaleString(locale(), { notation: "compact", maximumFractionDigits: 1 });
}

/** A percentage (12 means 12 %). What is more than nothing does not read as nothing. */
export function percent(value: number): string {
  if (value > 0 && value < 0.5) return `<1${NBSP}%`;
  return `${Math.round(value)}${NBSP}%`;
}

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in at most two units, as `3 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole}${NBSP}s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}${NBSP}min`;
  if (whole < DAY) return two(whole, HOUR, "h", MINUTE, "min");
  return two(whole, DAY, "d", HOUR, "h");
}

function two(seconds: number, big: number, bigUnit: string, small: number, smallUnit: string): string {
  const first = Math.floor(seconds / big);
  const second = Math.floor((seconds % big) / small);
  const head = `${first}${NBSP}${bigUnit}`;
  return second === 0 ? head : `${head}${NBSP}${second}${NBSP}${smallUnit}`;
}

/** The one biggest unit, for narrow places: `4 d`. */
export function age(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < MINUTE) return `${whole}${NBSP}s`;
  if (whole < HOUR) return `${Math.floor(whole / MINUTE)}${NBSP}min`;
  if (whole < DAY) return `${Math.floor(whole / HOUR)}${NBSP}h`;
  return `${Math.floor(whole / DAY)}${NBSP}d`;
}

const dateFormats = new Map<string, Intl.DateTimeFormat>();

/** Making one takes fifty times as long as using it, and tables show hundreds of moments. */
function dateFormat(style: "medium" | "short"): Intl.DateTimeFormat {
  const key = `${locale()} ${style}`;
  let format = dateFormats.get(key);
  if (format === undefined) {
    format = new Intl.DateTimeFormat(locale(), { dateStyle: style, timeStyle: style });
    dateFormats.set(key, format);
  }
  return format;
}

/** The exact moment in the reader's own time zone, for titles. */
export function moment(ms: number): string {
  return dateFormat("medium").format(ms);
}

/** A moment without seconds, for cells. */
export function shortMoment(ms: number): string {
  return dateFormat("short").format(ms);
}

/** The time of day, for what ends within the hour. */
export function clock(ms: number): string {
  return new Date(ms).toLocaleTimeString(locale(), { timeStyle: "short" });
}

/** A day, for headings. */
export function day(ms: number): string {
  return new Date(ms).toLocaleDateString(locale(), { weekday: "short", day: "numeric", month: "short" });
}

/** Degrees Celsius. */
export function celsius(value: number): string {
  return `${Math.round(value)}${NBSP}°C`;
}

/** A moment of the wire (RFC 3339), in milliseconds; the wire's year 1 says that there is none. */
export function parseTime(text: string | null | undefined): number | undefined {
  if (text == null || text === "" || text.startsWith("0001-")) return undefined;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
