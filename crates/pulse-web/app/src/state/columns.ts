// Which columns a table shows and how wide they are: what the reader chose, kept in this browser. Pure
// but for the storage.

/** What decides about a column; the table's own columns have more. */
export interface Choosable {
  id: string;
  /** Shown only where it was chosen. */
  isExtra?: boolean | undefined;
  /** Cannot be hidden. */
  isFixed?: boolean | undefined;
  /** Left out where the table is narrower than this, unless it was chosen. Pixels. */
  from?: number | undefined;
}

/** The reader's choice; a column that is in neither list follows its own default. */
export interface ColumnChoice {
  shown: readonly string[];
  hidden: readonly string[];
  widths: Readonly<Record<string, number>>;
}

export const NO_CHOICE: ColumnChoice = { shown: [], hidden: [], widths: {} };

const NARROWEST = 40;
const WIDEST = 900;

export function isShown(column: Choosable, choice: ColumnChoice, width: number): boolean {
  if (column.isFixed === true) return true;
  if (choice.hidden.includes(column.id)) return false;
  if (choice.shown.includes(column.id)) return true;
  return column.isExtra !== true && (column.from === undefined || column.from <= width);
}

export function visibleColumns<C extends Choosable>(
  columns: readonly C[],
  choice: ColumnChoice,
  width: number,
): C[] {
  return columns.filter((column) => isShown(column, choice, width));
}

export function withColumn(choice: ColumnChoice, id: string, isWanted: boolean): ColumnChoice {
  const others = (list: readonly string[]): string[] => list.filter((each) => each !== id);
  return {
    ...choice,
    shown: isWanted ? [...others(choice.shown), id] : others(choice.shown),
    hidden: isWanted ? others(choice.hidden) : [...others(choice.hidden), id],
  };
}

export function withWidth(choice: ColumnChoice, id: string, width: number): ColumnChoice {
  const bounded = Math.round(Math.min(WIDEST, Math.max(NARROWEST, width)));
  return { ...choice, widths: { ...choice.widths, [id]: bounded } };
}

/** What was kept, whatever stands there. */
export function parseChoice(text: string | null): ColumnChoice {
  try {
    const value = JSON.parse(text ?? "{}") as Partial<Record<keyof ColumnChoice, unknown>>;
    const ids = (list: unknown): string[] =>
      Array.isArray(list) ? list.filter((each): each is string => typeof each === "string") : [];
    const widths: Record<string, number> = {};
    if (typeof value.widths === "object" && value.widths !== null) {
      for (const [id, width] of Object.entries(value.widths)) {
        if (typeof width === "number" && width >= NARROWEST && width <= WIDEST) widths[id] = width;
      }
    }
    return { shown: ids(value.shown), hidden: ids(value.hidden), widths };
  } catch {
    return NO_CHOICE;
  }
}

export function loadChoice(table: string): ColumnChoice {
  try {
    return parseChoice(localStorage.getItem(`pulse.columns.${table}`));
  } catch {
    return NO_CHOICE;
  }
}

export function saveChoice(table: string, choice: ColumnChoice): void {
  try {
    localStorage.setItem(`pulse.columns.${table}`, JSON.stringify(choice));
  } catch {
    // The choice then holds until the page is closed.
  }
}
