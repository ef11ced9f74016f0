import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env["TONGKE_SERVER"] ?? "http://localhost:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    rolldownOptions: { input: ["index.html", "classroom.html"] },
    // Ant Design is one library of desks' pages; the classroom's budget is checked by scripts/budget.mjs.
    chunkSizeWarningLimit: 1500,
  },
  test: { include: ["src/**/*.test.ts"] },
  server: {
    proxy: {
      "/api": server,
      "/hls": server,
      "/signal": { target: server, ws: true },
    },
  },
});
