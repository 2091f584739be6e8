// The engine as worker.js loads it, in Node's Pyodide: node engine.mjs SITE PROGRAM.py
// It prints what the program prints; the site was written with --pyodide.

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [site, program] = process.argv.slice(2).map((path) => resolve(path));
const { packages, wheel, digits } = JSON.parse(readFileSync(join(site, "site.json"), "utf8"));
const home = join(site, "pyodide");

const { loadPyodide } = await import(pathToFileURL(join(home, "pyodide.mjs")).href);
const python = await loadPyodide({ indexURL: `${home}/`, packageCacheDir: home });
await python.loadPackage(packages, { messageCallback: () => {} });
python.unpackArchive(new Uint8Array(readFileSync(join(site, wheel))), "wheel");
python.FS.mkdirTree("/digits");
for (const name of digits) {
  python.FS.writeFile(`/digits/${name.split("/").pop()}`, readFileSync(join(site, name)));
}
try {
  python.runPython(readFileSync(program, "utf8"));
} catch (error) {
  console.error(error.message); // Node itself would show a megabyte of Pyodide's one line
  process.exit(1);
}
