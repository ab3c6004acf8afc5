/**
 * The Model Context Protocol on 127.0.0.1: names, schemas and descriptions of the agent's tools, and who may call them.
 * Stateless: a server and a transport a request, so that a restart or two turns at once share nothing. It knows nothing
 * of what a tool does. Load it when the first turn begins: the SDK takes tens of milliseconds and megabytes.
 */
import { StreamableHTTPTransport } from "@hono/mcp";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { Hono } from "hono";
import { z } from "zod";
import type { CheckName } from "../checks/check.ts";
import { VERB_NAMES } from "../power/verb.ts";
import { SERVER } from "./fitness.ts";
import type { OpenTurn, ToolInput, ToolName } from "./tools.ts";

export interface Listener {
  readonly url: string;
  stop(): Promise<void>;
}

const CHECK_NAMES = ["triage", "memory", "disk", "services", "qemu"] as const satisfies readonly CheckName[];

const BODY_LIMIT = 256 * 1024;
/** A call may wait for an operator: the line is kept alive meanwhile, or the CLI's fetch gives up. */
const ALIVE_MS = 15_000;

const reason = z.string().min(1).max(500).describe("Why, in one sentence; the operator reads it.");

const DESCRIPTIONS: Record<ToolName, string> = {
  vm_run:
    "Runs one command on the VM over SSH, in the login shell of the console's user there, with nothing on stdin and no terminal. Answers with the exit code and the output, its middle left out when it is long. A command that does more than read may wait for the operator's yes: one step a call.",
  power:
    "Gives one verb to the Proxmox VE host for this VM. status and forensics change nothing. start, stop, reset and cycle affect the running VM and may be refused or need the operator's yes.",
  check: "Runs one of the console's scripted, read-only diagnoses and answers with its findings and outputs.",
  runbook:
    "Reads the operator's own runbooks (how things are set up and mended here). Without a name it answers with their list. Changes nothing.",
  ask: "Asks the operator one question and waits for their words, minutes perhaps, or for no answer. For what only they can know or decide; whether something may run is asked by the tool that would run it.",
};

/** What is on a button is one plain line: nothing that breaks it, reorders it or hides in it. */
const choice = z
  .string()
  .trim()
  .min(1)
  .max(60)
  .regex(/^[^\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]*$/u, "a choice is one line of plain characters");

/** `admit` knows the tokens; null refuses. */
export function listenForTools(admit: (token: string) => OpenTurn | null): Listener {
  const app = new Hono<{ Variables: { turn: OpenTurn } }>();
  app.use("/mcp", async (c, next) => {
    const token = /^Bearer (\S+)$/.exec(c.req.header("authorization") ?? "")?.[1];
    const turn = token ? admit(token) : null;
    if (!turn) return c.json({ error: "This token belongs to no turn that is open." }, 401);
    c.set("turn", turn);
    await next();
  });
  // Nothing is sent unasked, so there is no stream to open.
  app.on(["GET", "DELETE", "PUT", "PATCH"], "/mcp", (c) => c.body(null, 405, { Allow: "POST" }));
  app.post("/mcp", async (c) => {
    const server = serverFor(c.get("turn"));
    const transport = new StreamableHTTPTransport();
    await server.connect(transport);
    const answer = await transport.handleRequest(c);
    return answer ? keptAlive(answer) : c.body(null, 202);
  });

  const listening = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    maxRequestBodySize: BODY_LIMIT,
    fetch: app.fetch,
    error: (error) => {
      console.error("tools:", error);
      return new Response(null, { status: 500 });
    },
  });
  return { url: `http://127.0.0.1:${listening.port}/mcp`, stop: () => listening.stop(true) };
}

function serverFor(turn: OpenTurn): McpServer {
  const server = new McpServer({ name: SERVER, version: "1" });
  const answer = (name: ToolName) => async (input: ToolInput, extra: { _meta?: Record<string, unknown> }) => {
    const tool_id = extra._meta?.["claudecode/toolUseId"];
    const said = await turn.call(name, input, typeof tool_id === "string" ? tool_id : null);
    return { content: [{ type: "text" as const, text: said.text }], isError: said.is_error };
  };
  server.registerTool(
    "vm_run",
    {
      description: DESCRIPTIONS.vm_run,
      inputSchema: {
        command: z
          .string()
          .min(1)
          .max(16_384)
          .refine((s) => !s.includes("\0"), "a command can't hold a NUL character")
          .describe("One line for the VM's shell."),
        reason,
        timeout_s: z.number().int().min(1).max(900).optional().describe("Seconds until it is ended; 60 if left out."),
      },
    },
    answer("vm_run"),
  );
  server.registerTool(
    "power",
    { description: DESCRIPTIONS.power, inputSchema: { verb: z.enum(VERB_NAMES), reason } },
    answer("power"),
  );
  server.registerTool(
    "check",
    { description: DESCRIPTIONS.check, inputSchema: { name: z.enum(CHECK_NAMES) } },
    answer("check"),
  );
  server.registerTool(
    "runbook",
    {
      description: DESCRIPTIONS.runbook,
      inputSchema: { name: z.string().min(1).max(200).optional().describe("A name from the list.") },
    },
    answer("runbook"),
  );
  server.registerTool(
    "ask",
    {
      description: DESCRIPTIONS.ask,
      inputSchema: {
        question: z.string().trim().min(1).max(1000).describe("One question, short: it is read on a phone."),
        choices: z.array(choice).min(1).max(4).optional().describe("Answers to tap; they may still write another one."),
      },
    },
    answer("ask"),
  );
  return server;
}

/** Adds comments between the events while nothing else is said. Each chunk of the transport is a whole event. */
function keptAlive(answer: Response): Response {
  if (!answer.body || !answer.headers.get("content-type")?.startsWith("text/event-stream")) return answer;
  let timer: ReturnType<typeof setInterval> | undefined;
  const comment = new TextEncoder().encode(": alive\n\n");
  const body = answer.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      start(controller) {
        timer = setInterval(() => {
          try {
            controller.enqueue(comment);
          } catch {
            clearInterval(timer);
          }
        }, ALIVE_MS);
      },
      flush() {
        clearInterval(timer);
      },
    }),
  );
  return new Response(body, answer);
}
