import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./pages/App";
import "./theme/theme.css";
import "./theme/desk.css";
import { startWords } from "./words";

startWords();
const root = document.getElementById("root");
if (root === null) throw new Error("index.html has a #root");
createRoot(root).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
