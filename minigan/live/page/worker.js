// minigan inside the browser: a worker that loads Python (Pyodide), plays, and between two moments
// of playing answers the page's messages. The page itself computes nothing, so it never freezes.

const PIECE = 0.03; // seconds of playing between two looks for messages
const DIGITS = "/digits";

const PROGRAM = `
from minigan.data.mnist import mnist
from minigan.live.inside import Engine
from minigan.live.session import Session
engine = Engine(Session(data={"mnist": lambda: mnist("train", "${DIGITS}")}, where="browser"))
`;

let engine = null;
let turn = null; // the timer of the next moment of playing, while the engine waits
const early = []; // requests that came before the engine was there

// A message to oneself comes after those that are here already, and sooner than any timer.
const { port1, port2 } = new MessageChannel();
port1.onmessage = play;

onmessage = ({ data }) => {
  if (data.site) start(data.site).catch((error) => postMessage({ failed: `${error.message ?? error}` }));
  else if (engine) answer(data.request);
  else early.push(data.request);
};

async function start(site) {
  postMessage({ loading: "Loading Python" });
  const home = new URL(site.pyodide, site.base).href;
  const { loadPyodide } = await import(`${home}pyodide.mjs`);
  const python = await loadPyodide({ indexURL: home });
  postMessage({ loading: "Loading NumPy" });
  await python.loadPackage(site.packages, { messageCallback: () => {} });
  postMessage({ loading: "Loading minigan and the digits" });
  const [wheel, ...digits] = await Promise.all([site.wheel, ...site.digits].map((name) => bytes(new URL(name, site.base))));
  python.unpackArchive(new Uint8Array(wheel), "wheel");
  python.FS.mkdirTree(DIGITS);
  site.digits.forEach((name, i) => python.FS.writeFile(`${DIGITS}/${name.split("/").pop()}`, new Uint8Array(digits[i])));
  postMessage({ loading: "Starting the engine" });
  python.runPython(PROGRAM);
  engine = python.globals.get("engine");
  postMessage({ ready: true });
  for (const request of early.splice(0)) answer(request);
  port2.postMessage(null);
}

async function bytes(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} cannot be loaded (${response.status})`);
  return response.arrayBuffer();
}

function answer(request) {
  postMessage({ answer: engine.answer(request) });
  if (turn !== null) {
    clearTimeout(turn); // it may have said: play
    turn = null;
    port2.postMessage(null);
  }
}

function play() {
  const pause = engine.advance(PIECE); // seconds until there is something to do
  if (pause === 0) port2.postMessage(null);
  else turn = setTimeout(() => { turn = null; play(); }, Math.min(1000 * pause, 1000));
}
