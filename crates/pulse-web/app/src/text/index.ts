// All words of the page, in the reader's language. English stands in the code and is the key of every
// other language; `en.json` lists it whole (written and checked by texts.test.ts), `de.json` is German.

export const LANGUAGES = { en: "English", de: "Deutsch" } as const;
export type Language = keyof typeof LANGUAGES;

type Catalogue = Readonly<Record<string, string>>;
export type Params = Readonly<Record<string, string | number>>;

const KEY = "pulse.language";
/** The other languages are loaded when they are wanted; English needs nothing. */
const LOADERS: Readonly<Record<Exclude<Language, "en">, () => Promise<{ default: Catalogue }>>> = {
  de: () => import("./de.json"),
};

let language: Language = "en";
let catalogue: Catalogue = {};
let plurals = new Intl.PluralRules("en");

function isLanguage(text: string): text is Language {
  return text in LANGUAGES;
}

/** What was chosen in this browser, else what the browser asks for, else English. */
export function wantedLanguage(stored: string | null, preferred: readonly string[]): Language {
  if (stored !== null && isLanguage(stored)) return stored;
  for (const each of preferred) {
    const base = each.toLowerCase().split("-")[0] ?? "";
    if (isLanguage(base)) return base;
  }
  return "en";
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Before anything is drawn: texts stand in constants, too. A catalogue that cannot be had leaves English. */
export async function loadTexts(): Promise<void> {
  const wanted = wantedLanguage(stored(), navigator.languages);
  if (wanted !== "en") {
    try {
      useTexts(wanted, (await LOADERS[wanted]()).default);
    } catch {
      useTexts("en", {});
    }
  }
  document.documentElement.lang = language;
}

export function useTexts(next: Language, texts: Catalogue): void {
  language = next;
  catalogue = texts;
  plurals = new Intl.PluralRules(next);
}

/** The page starts anew with the chosen language: nothing then shows a mixture. */
export function chooseLanguage(next: Language): void {
  try {
    localStorage.setItem(KEY, next);
  } catch {
    // Without storage the browser's own preference stays.
  }
  location.reload();
}

export function currentLanguage(): Language {
  return language;
}

/** For numbers and dates: the region of the browser where it fits the language. */
export function locale(): string {
  const own = globalThis.navigator?.language;
  return own?.toLowerCase().startsWith(language) === true ? own : language;
}

/** The text in the reader's language; `{name}` takes its value from `params`. */
export function t(text: string, params?: Params): string {
  return fill(catalogue[text] ?? text, params);
}

/** As `t`, by number: `tn("{n} guest", "{n} guests", 2)`. */
export function tn(one: string, other: string, n: number, params?: Params): string {
  const text = plurals.select(n) === "one" ? one : other;
  return fill(catalogue[text] ?? text, { n: n.toLocaleString(locale()), ...params });
}

function fill(text: string, params: Params | undefined): string {
  if (params === undefined) return text;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(params[name] ?? whole));
}
