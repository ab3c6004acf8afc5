/**
 * Whether the agent started with the console's tools and no other: the last look before it may act. Pure; what a tool
 * may do is not known here.
 */
import { isObject, type Json, string } from "./json.ts";
import { plain } from "./trouble.ts";

/** The one MCP server, by name. */
export const SERVER = "breakglass";
const PREFIX = `mcp__${SERVER}__`;

/** People and programs never see the prefix. */
export const withoutPrefix = (name: string): string => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name);

export interface Expected {
  /** The one MCP server, by name. */
  readonly server: string;
  /** Its tools, without the prefix; nothing else may show up. */
  readonly tools: readonly string[];
}

/** Why the agent must not go on with what init shows, or null. */
export function misfit(o: Json, { server, tools }: Expected): string | null {
  const servers = (Array.isArray(o.mcp_servers) ? o.mcp_servers : []).filter(isObject);
  const ours = servers.find((s) => s.name === server);
  const others = servers.filter((s) => s.name !== server).map((s) => string(s.name));
  const shown = (Array.isArray(o.tools) ? o.tools : []).map(string);
  const wanted = tools.map((name) => `mcp__${server}__${name}`);
  const strange = [...shown.filter((name) => !wanted.includes(name)), ...others];
  if (strange.length > 0)
    return `The agent started with tools that are not the console's (${plain(strange.slice(0, 5).join(", "))}) and was stopped before it could use them. Check the claude CLI's version (2.1.330 is known to work) and its managed settings.`;
  if (ours?.status !== "connected")
    return `The agent could not reach the console's tools (${plain(string(ours?.status)) || "not configured"}) and was stopped. Send it again; if that fails, check that nothing on this machine blocks 127.0.0.1.`;
  const missing = wanted.filter((name) => !shown.includes(name));
  if (missing.length > 0)
    return `The agent started without the console's tools (${missing.map(withoutPrefix).join(", ")}) and was stopped. Send it again; if that fails, check the claude CLI's version (2.1.330 is known to work).`;
  return null;
}
