// The address holds the view: what is searched, sorted, grouped and open. What is not in the address
// comes from the last visit.

import { useSearchParams } from "@solidjs/router";

type Params = Record<string, string>;

export interface View {
  get: (key: string) => string | undefined;
  /** Changes parts of the view in place; `undefined` takes a part away. */
  set: (parts: Record<string, string | undefined>) => void;
  /** As `set`, as a step that the browser's Back undoes. */
  go: (parts: Record<string, string | undefined>) => void;
}

/** The view of one page. Parts named in `kept` are remembered between visits. */
export function useView(page: string, kept: readonly string[]): View {
  const [params, setParams] = useSearchParams<Params>();
  const remembered = load(page);
  return {
    get: (key) => {
      const value = params[key];
      return value ?? (kept.includes(key) ? remembered[key] : undefined);
    },
    set: (parts) => {
      let isChanged = false;
      for (const key of kept) {
        if (!(key in parts)) continue;
        const value = parts[key];
        if (value === undefined) delete remembered[key];
        else remembered[key] = value;
        isChanged = true;
      }
      if (isChanged) save(page, remembered);
      setParams(parts, { replace: true, scroll: false });
    },
    go: (parts) => setParams(parts, { scroll: false }),
  };
}

function load(page: string): Params {
  try {
    const value: unknown = JSON.parse(localStorage.getItem(`pulse.view.${page}`) ?? "{}");
    return typeof value === "object" && value !== null ? (value as Params) : {};
  } catch {
    return {};
  }
}

function save(page: string, values: Params): void {
  try {
    localStorage.setItem(`pulse.view.${page}`, JSON.stringify(values));
  } catch {
    // Nothing is lost but the memory of this browser.
  }
}
