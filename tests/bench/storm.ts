/** The right sign-in among guesses: 50 wrong passwords a second from the same address, over real connections, with real argon2. */
import { join } from "node:path";
import { Operators } from "../../src/access/enrolled.ts";
import { openStore } from "../../src/access/store.ts";
import { cleanUp, startServer, tempDir } from "../support/server.ts";
import { spread } from "./figures.ts";
import { aside, type Row, row } from "./row.ts";

const PASSWORD = "seven lamps and a ladder";
const EVERY_MS = 20;
const WITHIN_MS = 5_000;
const TIMES = 100;
const OWN = { "sec-fetch-site": "same-origin", "content-type": "application/json" };

export async function storm(): Promise<Row[]> {
  const dir = tempDir("storm");
  const server = await startServer(dir, { API_BEARER_TOKEN: "a-token-for-measurements-0123456789" });
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${server.url}${path}`, { method: "POST", headers: { ...OWN, ...headers }, body: JSON.stringify(body) });
  try {
    const store = openStore(join(dir, "lab"));
    const link = new Operators(store, Date.now).makeLink("viktor");
    store.close();
    const enrolled = await post(`/enrol/${link}`, { password: PASSWORD, again: PASSWORD });
    if (enrolled.status !== 200) throw new Error(`enrolling met ${enrolled.status}`);
    const signed_in = enrolled.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .join("; ");
    let guesses = 0;
    let open = 0;
    const guessing = setInterval(() => {
      open++;
      void post("/login", { name: "viktor", password: `a wrong password no ${guesses++}` })
        .then((answer) => answer.body?.cancel())
        .catch(() => {})
        .finally(() => open--);
    }, EVERY_MS);
    const took: number[] = [];
    const looked: number[] = [];
    let refused = 0;
    const began = performance.now();
    try {
      for (let i = 0; i < TIMES; i++) {
        const page = await fetch(`${server.url}/login`, { headers: { accept: "text/html" } });
        const cookie = page.headers.getSetCookie()[0]!.split(";")[0]!;
        await page.body?.cancel();
        const from = performance.now();
        const answer = await post("/login", { name: "viktor", password: PASSWORD }, { cookie });
        if (answer.status === 200) took.push(performance.now() - from);
        else refused++;
        const at = performance.now();
        await (await fetch(`${server.url}/status`, { headers: { cookie: signed_in } })).text();
        looked.push(performance.now() - at);
      }
    } finally {
      clearInterval(guessing);
    }
    const rate = guesses / ((performance.now() - began) / 1000);
    const good = took.filter((ms) => ms <= WITHIN_MS).length;
    const words = `${good} of ${TIMES}; ${spread(took, "ms", 0)}, the longest ${Math.round(Math.max(...took))} ms${refused ? `; ${refused} refused` : ""}`;
    return [
      row("the right sign-in among 50 bad ones a second", "5 s, 100 of 100", "–", words, good === TIMES),
      aside(
        "the guesses that were sent, a second",
        `${rate.toFixed(0)}, ${guesses} in all, ${open} unanswered at the end`,
      ),
      aside("`/status` to who is signed in, meanwhile", spread(looked, "ms", 0)),
    ];
  } finally {
    await server.stop();
    cleanUp(dir);
  }
}
