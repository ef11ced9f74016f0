import i18next from "i18next";
import { initReactI18next } from "react-i18next";
import { en } from "./en";
import { type Language, rememberedLanguage, rememberLanguage } from "./language";
import { zh } from "./zh";

declare module "i18next" {
  interface CustomTypeOptions {
    resources: { translation: typeof zh };
    returnNull: false;
  }
}

/** Sets up the page's words in the remembered language. */
export function startWords(): void {
  const language = rememberedLanguage();
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  void i18next.use(initReactI18next).init({
    lng: language,
    fallbackLng: "zh",
    resources: { zh: { translation: zh }, en: { translation: en } },
    interpolation: { escapeValue: false },
    initAsync: false,
  });
}

/** Changes the language of the page and remembers it. */
export function setLanguage(language: Language): void {
  rememberLanguage(language);
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  void i18next.changeLanguage(language);
}
