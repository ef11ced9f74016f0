import base from "../playwright.config";

/** Measurements in real Chromium; `npm run bench` runs them, tests do not. */
export default { ...base, testDir: ".", outputDir: "../../../test-results/e2e", testMatch: "*.bench.ts" };
