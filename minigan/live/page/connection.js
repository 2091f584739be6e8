// The way from the page to its engine: POST /api to the server, or messages to a worker that runs
// minigan inside the browser. `site.json` says which of the two this page has.

const PROTOCOL = 1;
const GONE = 20; // seconds that a frame is asked for again while no server answers

/** The connection, once its engine is there. `say` is told what is being loaded meanwhile. */
export async function connect(say = () => {}) {
  const response = await fetch("site.json");
  if (!response.ok) throw new Error("the page's server has ended; start it again");
  const site = await response.json();
  const connection = site.engine === "browser" ? new Worked(site, say) : new Served(takeToken());
  await connection.ready;
  return connection;
}

/** The token out of the address, where it is not seen any longer; or the one of the last visit. */
function takeToken() {
  const parts = location.hash.replace(/^#/, "").split("&");
  const given = parts.find((part) => part.startsWith("token="));
  if (given) {
    const rest = parts.filter((part) => part && part !== given).join("&");
    history.replaceState(history.state, "", rest ? `#${rest}` : location.pathname + location.search);
    remember(given.slice("token=".length));
  }
  return given ? given.slice("token=".length) : remembered();
}

// A browser may be told to keep nothing; then the address is needed for each visit.
function remember(token) {
  try {
    localStorage.setItem("minigan token", token);
  } catch {}
}

function remembered() {
  try {
    return localStorage.getItem("minigan token") ?? "";
  } catch {
    return "";
  }
}

/** An engine behind a server. */
class Served {
  where = "server";
  ready = Promise.resolve();
  #last = 0;

  constructor(token) {
    this.token = token;
  }

  /** The answer to a request {ask, …}; rejects if there is none, and says what to do. */
  async ask(request) {
    const id = ++this.#last;
    const body = JSON.stringify({ protocol: PROTOCOL, id, ...request });
    const began = performance.now();
    for (;;) {
      const response = await this.#post(body);
      if (response) return response.json();
      // The machine may have been asleep. A command may have arrived, so it is not sent twice.
      if (request.ask !== "frame" || performance.now() - began > 1000 * GONE) {
        throw new Error("no answer from the server: it has ended, or was started anew; then open the address that it prints");
      }
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }

  /** The response, or null if nobody answers. */
  async #post(body) {
    const headers = { "Content-Type": "application/json", Authorization: `Bearer ${this.token}` };
    try {
      return await fetch("api", { method: "POST", headers, body, cache: "no-store" });
    } catch {
      return null;
    }
  }
}

/** An engine in a worker of this page. */
class Worked {
  where = "browser";
  #last = 0;
  #waiting = new Map(); // id -> {resolve, reject}

  constructor(site, say) {
    this.worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.ready = new Promise((resolve, reject) => {
      this.worker.onerror = (event) => {
        event.preventDefault?.();
        this.#end(event.message || "the worker could not be loaded", reject);
      };
      this.worker.onmessage = ({ data }) => {
        if (data.loading) say(data.loading);
        else if (data.ready) resolve();
        else if (data.failed) this.#end(data.failed, reject);
        else this.#settle(JSON.parse(data.answer));
      };
    });
    this.worker.postMessage({ site: { ...site, base: new URL(".", location.href).href } });
  }

  /** The answer to a request {ask, …}; rejects if the engine has failed. */
  ask(request) {
    if (this.failure) return Promise.reject(this.failure);
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.worker.postMessage({ request: JSON.stringify({ protocol: PROTOCOL, id, ...request }) });
    });
  }

  #settle(answer) {
    this.#waiting.get(answer.id)?.resolve(answer);
    this.#waiting.delete(answer.id);
  }

  #end(message, reject) {
    this.failure = new Error(`the engine could not go on: ${message}`);
    reject(this.failure);
    for (const { reject } of this.#waiting.values()) reject(this.failure);
    this.#waiting.clear();
  }
}
