// Checks the script of the classroom page: everything it loads, gzipped, stays within the budget of its weak box.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET = 100 * 1024;
const page = readFileSync("dist/classroom.html", "utf8");
const queue = [...page.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((match) => match[1]);
const seen = new Set();
let total = 0;
while (queue.length > 0) {
  const file = queue.pop();
  if (seen.has(file)) continue;
  seen.add(file);
  const source = readFileSync(`dist/${file}`);
  total += gzipSync(source).length;
  for (const match of source.toString().matchAll(/["'](?:\.\/|\/?assets\/)([\w-]+\.js)["']/g))
    queue.push(`assets/${match[1]}`);
}
console.log(`classroom page: ${(total / 1024).toFixed(1)} KiB of script, gzipped, in ${seen.size} files`);
if (seen.size === 0 || total > BUDGET) {
  console.error(`the classroom page may have at most ${BUDGET / 1024} KiB`);
  process.exit(1);
}
