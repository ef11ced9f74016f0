export type Language = "zh" | "en";

const KEY = "tongke.language";

/** `?lang=` of the address, else what was chosen before, else Chinese. */
export function rememberedLanguage(): Language {
  const asked = new URLSearchParams(window.location.search).get("lang");
  if (asked === "zh" || asked === "en") {
    rememberLanguage(asked);
    return asked;
  }
  try {
    return localStorage.getItem(KEY) === "en" ? "en" : "zh";
  } catch {
    return "zh";
  }
}

/** Keeps the language for the next visit. */
export function rememberLanguage(language: Language): void {
  try {
    localStorage.setItem(KEY, language);
  } catch {
    // Without storage the choice lasts as long as the page.
  }
}
