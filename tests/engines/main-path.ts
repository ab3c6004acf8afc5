/** The main job in one engine: break the VM, see it, cycle it in two taps, ask, reload, and find the same transcript. */
import { join } from "node:path";
import { cleanUp, startServer, tempDir } from "../support/server.ts";
import { type Engine, holds, LIVE, until } from "./engine.ts";

export async function mainPath(engine: Engine, pictures: string): Promise<string> {
  const dir = tempDir(`engine-${engine.name}`);
  const server = await startServer(dir);
  try {
    const glass = await engine.open(`${server.url}/`);
    await until(glass, "a live link", LIVE);
    await glass.read("(window.faults = [], addEventListener('error', (e) => faults.push(String(e.message))), 0)");

    await glass.tap("#faults form:has(input[value=qemu_wedged]) button");
    await until(glass, "the frozen state", "/frozen/i.test(document.getElementById('state').innerText)");
    await glass.tap("#do-cycle");
    await until(glass, "the question", "document.getElementById('confirm').open");
    await glass.picture(join(pictures, `${engine.name}-confirm.png`));
    await glass.tap("#confirm button.go, #confirm button[value=yes]");
    await until(glass, "the running cycle", holds("#running", "cycle running"));
    await until(glass, "the end of the cycle", holds("#running", "cycle done"));
    await until(glass, "the state after it", "document.getElementById('state').className.includes('running')");

    await glass.type("#prompt", "what is wrong?");
    await glass.tap("#turn button");
    await until(glass, "the bubble", holds("#transcript", "what is wrong?"));
    await until(glass, "the end of the turn", "document.getElementById('turn-send')");
    await glass.picture(join(pictures, `${engine.name}.png`));

    const ids =
      "[...document.querySelectorAll('#transcript > li')].map((li) => li.id).filter((id) => id !== 'earlier')";
    const before = await glass.read<string[]>(ids);
    const faults = await glass.read<string[]>("window.faults");
    await glass.reload();
    await until(glass, "a live link after the reload", LIVE);
    const after = await glass.read<string[]>(ids);
    if (faults.length > 0) throw new Error(`the page threw: ${faults.join("; ")}`);
    if (before.length < 4) throw new Error(`only ${before.length} items in the transcript: this proves nothing`);
    if (JSON.stringify(after) !== JSON.stringify(before))
      throw new Error(`another transcript after the reload: ${before.join(" ")} became ${after.join(" ")}`);
    return `broken, cycled, asked; ${before.length} items, the same after a reload`;
  } finally {
    await server.stop();
    cleanUp(dir);
  }
}
