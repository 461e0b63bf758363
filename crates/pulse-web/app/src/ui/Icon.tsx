// Line icons on a 16-pixel grid, drawn by us; always decorative: a control that shows one has a name of its own.

import type { JSX } from "solid-js";

const PATHS = {
  search: "M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4L14 14",
  close: "M3.5 3.5l9 9m0-9l-9 9",
  sun: "M8 11a3 3 0 1 0 0-6 3 3 0 0 0 0 6ZM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1",
  moon: "M13.5 9.5A6 6 0 0 1 6.500 2.500a6 6 0 1 0 7 7Z",
  auto: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM8 2v12M8 5h4.500M8 8h6M8 11h4.500",
  leave: "M6 2.500H3.500v11H6M10 5l3 3-3 3M13 8H6",
  up: "M8 12.500v-9M4.500 7L8 3.500 11.500 7",
  down: "M8 3.500v9M4.500 9L8 12.500 11.500 9",
  right: "M6 3.500L10.500 8 6 12.500",
  chevron: "M3.500 6L8 10.500 12.500 6",
  proxmox: "M2.500 3h11v4h-11zM2.500 9h11v4h-11zM5 5h.01M5 11h.01",
  docker: "M8 1.500l5.500 3v7L8 14.500l-5.500-3v-7zM2.500 4.500L8 7.500l5.500-3M8 7.500v7",
  hosts: "M2 3h12v8H2zM6 14h4M8 11v3",
  settings:
    "M2 4.500h7M12 4.500h2M2 11.500h2M7 11.500h7M10.500 6a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3ZM5.500 13a1.500 1.500 0 1 0 0-3 1.500 1.500 0 0 0 0 3Z",
  columns: "M2.500 3h11v10h-11zM6.200 3v10M9.800 3v10",
  alerts: "M8 2a4 4 0 0 0-4 4v3l-1.500 2.500h11L12 9V6a4 4 0 0 0-4-4ZM6.500 13.500a1.600 1.600 0 0 0 3 0",
  kubernetes:
    "M8 1.500l5.200 2.500 1.300 5.600-3.600 4.400H5.100L1.500 9.600 2.800 4zM8 6.200a1.800 1.800 0 1 0 0 3.600 1.800 1.800 0 0 0 0-3.600ZM8 1.500v4.700M8 9.800V14",
  more: "M3 8h.01M8 8h.01M13 8h.01",
  bell: "M8 2a4 4 0 0 0-4 4v3l-1.500 2.500h11L12 9V6a4 4 0 0 0-4-4Z",
  link: "M7 9a2.500 2.500 0 0 0 3.500 0l2.300-2.300A2.500 2.500 0 0 0 9.300 3.200L8.200 4.300M9 7a2.500 2.500 0 0 0-3.500 0L3.200 9.300a2.500 2.500 0 0 0 3.500 3.500l1.100-1.100",
  help: "M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12ZM6.200 6.500a1.800 1.800 0 1 1 2.600 1.600c-.5.3-.8.6-.8 1.200M8 11.300h.01",
  edit: "M3 13l.6-2.800L10.500 3.300l2.200 2.200-6.900 6.900zM9 4.800L11.200 7",
  left: "M10 3.500L5.500 8l4.500 4.500",
  copy: "M5.500 5.500h8v8h-8zM10.500 5.500v-3h-8v8h3",
  check: "M3 8.500l3.500 3.500L13 4.500",
  plus: "M8 3v10M3 8h10",
  filter: "M2 3h12L9.500 8.500V13l-3-1.500v-3z",
  vm: "M2 3h12v8H2zM5 14h6",
  container: "M8 1.500l5.500 3v7L8 14.500l-5.500-3v-7zM2.500 4.500L8 7.500l5.500-3M8 7.500v7",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon(props: { name: IconName; size?: number }): JSX.Element {
  return (
    <svg
      width={props.size ?? 16}
      height={props.size ?? 16}
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.4"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[props.name]} />
    </svg>
  );
}
