/** Where the files of runs go when the data directory takes none: the verb runs all the same, and its output is found again. */
import { afterEach, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { startToFiles } from "../../src/child.ts";
import { pruneRunsBefore, runFiles } from "../../src/power/run-files.ts";
import { folderWithRoom, runFolders } from "../../src/power/run-folder.ts";
import { openTestConsole } from "../support/console.ts";
import { scrubbed, tempDir } from "../support/server.ts";

const dirs: string[] = [];
function folder(): string {
  const made = tempDir("run-folder");
  dirs.push(made);
  return made;
}
afterEach(() => {
  for (const dir of dirs.splice(0)) {
    for (const other of runFolders(join(dir, "runs")).slice(1)) rmSync(other, { recursive: true, force: true });
    rmSync(dir, { recursive: true, force: true });
  }
});
const place = { host: "192.0.2.1", port: 22, user: "root" };
const target = { id: "devvm", name: "devvm", vmid: 102, vm: place, pve: place, lab: false };

test("a run whose file can't be made where it should goes elsewhere; its output is read, found after a restart, and pruned", async () => {
  const dir = folder();
  const runs_dir = join(dir, "runs");
  writeFileSync(runs_dir, "a file where the folder should be");
  const files = () => runFiles({ runs_dir, env: scrubbed() });
  const lines: string[] = [];
  const run = await files().run(target, "request-1", 0, ["echo", "from the host"]);
  const heard = ({ text }: { text: string }) => void lines.push(text);
  expect(await run.tail(heard, heard, [])).toEqual({ is: "exited", code: 0 });
  expect(lines).toEqual(["from the host"]);
  expect(files().leftBehind(target, "request-1")).toBe("from the host\n");
  const other = runFolders(runs_dir).find((path) => existsSync(join(path, "devvm.request-1.0.out")))!;
  expect(statSync(other).mode & 0o077).toBe(0);
  pruneRunsBefore(runs_dir, Date.now() + 1000, () => true);
  expect(readdirSync(other)).toEqual([]);
});

test("what may be read or was put there by others is not written to", () => {
  const dir = folder();
  const [open, linked, ours] = ["open", "linked", "ours"].map((name) => join(dir, name)) as [string, string, string];
  for (const parent of [open, linked, ours]) mkdirSync(parent);
  const runs_dir = join(dir, "runs");
  writeFileSync(runs_dir, "");
  const folders = runFolders(runs_dir, [open, linked, ours]);
  const name = basename(folders[1]!);
  mkdirSync(join(open, name), { mode: 0o755 });
  mkdirSync(join(dir, "theirs"), { mode: 0o700 });
  symlinkSync(join(dir, "theirs"), join(linked, name));
  expect(folderWithRoom(folders)).toBe(join(ours, name));
  rmSync(runs_dir);
  expect(folderWithRoom(folders)).toBe(runs_dir);
});

test("a child whose files can't be opened has not started, and says why; nothing is thrown", async () => {
  const path = join(folder(), "nowhere", "run.out");
  const child = startToFiles({ argv: ["echo"], env: scrubbed(), stdout: path, stderr: path });
  expect([child.pid, await child.ended]).toEqual([null, { is: "not_started", why: expect.stringContaining("ENOENT") }]);
});

test("a verb runs to its end on the host while the console's own disk takes no file", async () => {
  const dir = folder();
  const console_ = await openTestConsole({}, dir);
  try {
    const runs = join(dir, "lab", "runs");
    rmSync(runs, { recursive: true, force: true });
    writeFileSync(runs, "");
    dirs.push(join(dir, "lab"));
    const answer = await console_.post("/api/pve/reset", { request_id: "on-a-bad-disk" });
    expect([answer.status, await answer.json()]).toEqual([200, expect.objectContaining({ outcome: "done" })]);
  } finally {
    await console_.close();
  }
}, 60_000);
