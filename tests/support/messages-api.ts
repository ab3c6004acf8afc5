/**
 * A stand-in for the Messages API on 127.0.0.1, with as much of it as the Claude Code CLI uses: streamed and plain
 * replies, errors by status, a stream that breaks off or stalls. What it answers is scripted by the test; it keeps what it
 * was asked. No model is in it.
 */
export interface ApiReply {
  /** Words of the assistant; an array is streamed piece by piece. */
  readonly text?: string | readonly string[];
  readonly calls?: readonly { readonly name: string; readonly input: unknown }[];
  /** Instead of a message: this status, with the API's form of an error. */
  readonly error?: { readonly status: number; readonly type: string; readonly message: string };
  /** After the first piece of text: close the stream, or say nothing any more. */
  readonly breaks?: "drop" | "stall";
}

export interface ApiRequest {
  readonly model: string;
  readonly system: string;
  /** Names of the tools that the CLI offered to the model. */
  readonly tools: readonly string[];
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
  readonly headers: Readonly<Record<string, string>>;
  readonly at_ms: number;
}

export interface MessagesApi {
  readonly url: string;
  readonly asked: ApiRequest[];
  /** The environment that points the CLI here. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** `answer` is asked for each request, with its number from 1. */
export function messagesApi(answer: (request: ApiRequest, n: number) => ApiReply | Promise<ApiReply>): MessagesApi {
  const asked: ApiRequest[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const path = new URL(request.url).pathname;
      if (request.method !== "POST") return new Response(null, { status: 404 });
      if (path.endsWith("/count_tokens")) return Response.json({ input_tokens: 10 });
      if (path !== "/v1/messages") return new Response(null, { status: 404 });
      const body = (await request.json()) as Record<string, unknown>;
      const entry: ApiRequest = {
        model: String(body.model),
        system: textOf(body.system),
        tools: ((body.tools as { name: string }[] | undefined) ?? []).map((tool) => tool.name),
        messages: body.messages as ApiRequest["messages"],
        headers: Object.fromEntries(request.headers),
        at_ms: performance.now(),
      };
      asked.push(entry);
      const reply = await answer(entry, asked.length);
      if (reply.error)
        return Response.json(
          { type: "error", error: { type: reply.error.type, message: reply.error.message } },
          { status: reply.error.status },
        );
      const blocks = blocksOf(reply, asked.length);
      if (body.stream === true) return streamed(entry.model, blocks, reply, asked.length);
      return Response.json({
        ...envelope(entry.model, asked.length),
        content: blocks.map((b) => (b.type === "text" ? { type: "text", text: b.pieces.join("") } : b)),
        stop_reason: stopReason(reply),
      });
    },
  });
  const url = `http://127.0.0.1:${server.port}`;
  return {
    url,
    asked,
    env: { ANTHROPIC_BASE_URL: url, ANTHROPIC_API_KEY: "a-key-for-nothing" },
    stop: () => server.stop(true),
  };
}

/** All text of a message's content, tool results too. */
export function textOf(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((block: { text?: string; content?: unknown }) => block.text ?? textOf(block.content))
    .filter((text) => text !== "")
    .join("\n");
}

type Block =
  | { type: "text"; pieces: readonly string[] }
  | { type: "tool_use"; id: string; name: string; input: unknown };

function blocksOf(reply: ApiReply, n: number): Block[] {
  const blocks: Block[] = [];
  if (reply.text !== undefined) blocks.push({ type: "text", pieces: [reply.text].flat() });
  // An id is unique for good, as the API's are: the CLI pairs calls and results by it across a resume.
  for (const call of reply.calls ?? [])
    blocks.push({
      type: "tool_use",
      id: `toolu_${n}_${crypto.randomUUID().slice(0, 8)}`,
      name: call.name,
      input: call.input,
    });
  return blocks;
}

const stopReason = (reply: ApiReply) => (reply.calls?.length ? "tool_use" : "end_turn");

function envelope(model: string, n: number) {
  const usage = { input_tokens: 100, output_tokens: 20, cache_creation_input_tokens: 0, cache_read_input_tokens: 0 };
  const id = `msg_${n}_${crypto.randomUUID().slice(0, 8)}`;
  return {
    id,
    type: "message",
    role: "assistant",
    model,
    content: [] as unknown[],
    stop_reason: null as string | null,
    stop_sequence: null,
    usage,
  };
}

function streamed(model: string, blocks: readonly Block[], reply: ApiReply, n: number): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async start(controller) {
      const send = (type: string, data: object) =>
        controller.enqueue(encoder.encode(`event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`));
      try {
        send("message_start", { message: envelope(model, n) });
        for (const [index, block] of blocks.entries()) {
          if (block.type === "text") {
            send("content_block_start", { index, content_block: { type: "text", text: "" } });
            for (const text of block.pieces) {
              send("content_block_delta", { index, delta: { type: "text_delta", text } });
              await Bun.sleep(1);
              if (reply.breaks === "stall") return;
              if (reply.breaks === "drop") return controller.error(new Error("scripted"));
            }
          } else {
            send("content_block_start", { index, content_block: { ...block, input: {} } });
            send("content_block_delta", {
              index,
              delta: { type: "input_json_delta", partial_json: JSON.stringify(block.input) },
            });
          }
          send("content_block_stop", { index });
        }
        send("message_delta", {
          delta: { stop_reason: stopReason(reply), stop_sequence: null },
          usage: { output_tokens: 20 },
        });
        send("message_stop", {});
        controller.close();
      } catch {
        // The CLI went away in the middle.
      }
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}
