/**
 * An executable in the place of the claude CLI that says too much, and says it badly: a megabyte of errors, lines of 5 MB, bytes that
 * are no UTF-8, NUL, lone surrogates, half of it in what a tool returned. Then it says one ordinary sentence.
 */
import { claudeLines, stdinLines } from "./claude-lines.ts";

const MIB = 1024 * 1024;
const cli = claudeLines("flooding");
const lines = stdinLines();
await lines.next();
await lines.return();

cli.init();
process.stderr.write(`${"warning ".repeat(128)}\n`.repeat(MIB / 1024));
cli.said(`begin ${"x".repeat(5 * MIB)} end`);
cli.called("toolu_long", "vm_run", { command: "print", reason: "to see" });
cli.returned("toolu_long", `first line\n${"0123456789abcde\n".repeat((5 * MIB) / 16)}last line`, false);
// As JSON may carry them.
cli.said("nul \0 lone \ud800 and \udc00 over");
cli.called("toolu_odd", "vm_run", { command: "odd \0\ud800", reason: "to see" });
cli.returned("toolu_odd", "odd \0 \udfff over", false);
// And as it may not: bytes that are no text, a NUL as it is, a line that is none of the protocol's.
const [before, after] = JSON.stringify({
  type: "assistant",
  message: { model: "flooding", content: [{ type: "text", text: "bytes | over" }] },
  parent_tool_use_id: null,
}).split("|");
process.stdout.write(
  Buffer.concat([Buffer.from(before!), Buffer.from([0xff, 0xc3, 0x28, 0xed, 0xa0, 0x80]), Buffer.from(`${after}\n`)]),
);
process.stdout.write("\0\0\0\n");
process.stdout.write(`${"{".repeat(MIB)}\n`);
cli.said("still here");
cli.result("ok");
