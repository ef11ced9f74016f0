import { theme, type ThemeConfig } from "antd";
import source from "./theme.css?raw";

/** Values of one block of theme.css. */
function variables(css: string, selector: string): Map<string, string> {
  const from = css.indexOf(`${selector} {`);
  const block = css.slice(css.indexOf("{", from) + 1, css.indexOf("}", from));
  const found = [...block.matchAll(/--tk-([\w-]+):\s*([^;]+);/g)];
  return new Map(found.map((match) => [match[1] ?? "", match[2] ?? ""]));
}

const light = variables(source, ":root");
const dark = variables(source, '[data-scheme="dark"]');
const value = (name: string): string => light.get(name) ?? "";
const night = (name: string): string => dark.get(name) ?? value(name);

/** Ant Design's tokens of desks, all of them from theme.css. */
export const antdTheme: ThemeConfig = {
  token: {
    colorPrimary: value("primary"),
    colorSuccess: value("good"),
    colorWarning: value("weak"),
    colorError: value("lost"),
    colorInfo: value("primary"),
    colorLink: value("primary"),
    colorTextBase: value("text"),
    colorTextDescription: value("quiet"),
    colorTextPlaceholder: value("quiet"),
    colorBgLayout: value("ground"),
    borderRadius: Number.parseInt(value("radius"), 10),
    fontFamily: value("font"),
    fontSize: 15,
    motionDurationSlow: "0.18s",
    motionDurationMid: "0.14s",
  },
  components: {
    Layout: { headerBg: value("primary"), siderBg: value("surface") },
    Menu: { itemBorderRadius: 8 },
  },
};

/** The same for the dark live pages. */
export const antdNight: ThemeConfig = {
  ...antdTheme,
  algorithm: theme.darkAlgorithm,
  token: {
    ...antdTheme.token,
    colorPrimary: night("accent"),
    colorInfo: night("accent"),
    colorLink: night("accent"),
    colorSuccess: night("good"),
    colorWarning: night("weak"),
    colorError: night("lost"),
    colorTextBase: night("text"),
    colorTextDescription: night("quiet"),
    colorTextPlaceholder: night("quiet"),
    colorBgBase: night("ground"),
    colorBgLayout: night("surface"),
    colorBgContainer: night("raised"),
    colorBgElevated: night("raised"),
    colorTextLightSolid: night("ground"),
  },
};
