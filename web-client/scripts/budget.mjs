// Checks the script of the classroom page, gzipped: what every screen loads at once, and what is fetched besides only where no
// media passes, stay within the budgets of its weak box.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 100 * 1024;
const LATER_BUDGET = 128 * 1024;
const STATIC = /(?:from|import)\s*["']\.\/([\w-]+\.js)["']/g;
const LATER = /import\(\s*[`"']\.\/([\w-]+\.js)[`"']/g;

/** Files that `first` need, and what they ask for later. */
function closure(first, known) {
  const queue = [...first];
  const files = new Set();
  const later = new Set();
  let bytes = 0;
  while (queue.length > 0) {
    const file = queue.pop();
    if (files.has(file) || known.has(file)) continue;
    files.add(file);
    const source = readFileSync(`dist/assets/${file}`);
    bytes += gzipSync(source).length;
    for (const match of source.toString().matchAll(STATIC)) queue.push(match[1]);
    for (const match of source.toString().matchAll(LATER)) later.add(match[1]);
  }
  return { files, later, bytes };
}

function judge(what, { files, bytes }, budget) {
  console.log(`${what}: ${(bytes / 1024).toFixed(1)} KiB of script, gzipped, in ${files.size} files`);
  if (files.size > 0 && bytes <= budget) return;
  console.error(`${what} may have at most ${budget / 1024} KiB`);
  process.exitCode = 1;
}

const page = readFileSync("dist/classroom.html", "utf8");
const entries = [...page.matchAll(/(?:src|href)="\/assets\/([^"]+\.js)"/g)].map((match) => match[1]);
const once = closure(entries, new Set());
judge("classroom page", once, BUDGET);
judge("classroom page, where no media passes", closure(once.later, once.files), LATER_BUDGET);
