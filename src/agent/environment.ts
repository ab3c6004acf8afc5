/**
 * The environment of the agent's process: an allow-list, because whatever stands in it, the agent's program can read.
 * Nothing of ours is in it (no bearer token, no ssh-agent socket, no BREAKGLASS_ setting) but the marker by which its
 * processes are found again. The CLI's own variables for other backends pass through as they are; docs/settings.md tells
 * of them ("Which API the agent talks to"). Pure.
 */

/** By exact name. */
const NAMES = new Set([
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "LANG",
  "LANGUAGE",
  "TZ",
  // Ways out to the network, and whom to trust on them.
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "ALL_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
  "all_proxy",
  "NODE_EXTRA_CA_CERTS",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  // The CLI: credentials, limits, gateways.
  "API_TIMEOUT_MS",
  "CLAUDE_CODE_OAUTH_TOKEN",
  "CLAUDE_CODE_MAX_RETRIES",
  "CLAUDE_CODE_MAX_OUTPUT_TOKENS",
  "CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS",
  // A certificate of our own, where a gateway asks for one.
  "CLAUDE_CODE_CLIENT_CERT",
  "CLAUDE_CODE_CLIENT_KEY",
  "CLAUDE_CODE_CLIENT_KEY_PASSPHRASE",
  // Which backend. By name: others that begin so switch tools on.
  "CLAUDE_CODE_USE_BEDROCK",
  "CLAUDE_CODE_USE_VERTEX",
  "CLAUDE_CODE_USE_FOUNDRY",
  "CLAUDE_CODE_SKIP_BEDROCK_AUTH",
  "CLAUDE_CODE_SKIP_VERTEX_AUTH",
  "CLAUDE_CODE_SKIP_FOUNDRY_AUTH",
  "MAX_THINKING_TOKENS",
  "DISABLE_PROMPT_CACHING",
  "DISABLE_INTERLEAVED_THINKING",
  "CLOUD_ML_REGION",
  "GCLOUD_PROJECT",
]);

/** By how the name begins: the API or a gateway; Bedrock; Vertex; Foundry. */
const BEGINNINGS = ["LC_", "ANTHROPIC_", "AWS_", "VERTEX_REGION_", "GOOGLE_", "AZURE_"];

/** By which the processes of a turn are found in /proc, also by a later server. */
export const MARKER = "BREAKGLASS_TURN";

export interface OurPart {
  /** `<this server's mark>.<turn>`. */
  readonly marker: string;
  /** The CLI's own files: sessions, settings. In the data directory, so that conversations survive a restart. */
  readonly config_dir: string;
  /** For what it strews about; removed with the turn. */
  readonly tmp_dir: string;
}

export function agentEnvironment(
  from: Readonly<Record<string, string | undefined>>,
  ours: OurPart,
): Record<string, string> {
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(from)) {
    if (value === undefined) continue;
    if (NAMES.has(name) || BEGINNINGS.some((beginning) => name.startsWith(beginning))) env[name] = value;
  }
  // A uid without a passwd entry may have no HOME, or one that it can't write to.
  env.HOME ||= ours.config_dir;
  // The default of 10 tries goes on for 3 minutes; an operator is waiting.
  env.CLAUDE_CODE_MAX_RETRIES ??= "4";
  return {
    ...env,
    CLAUDE_CONFIG_DIR: ours.config_dir,
    TMPDIR: ours.tmp_dir,
    CLAUDE_CODE_TMPDIR: ours.tmp_dir,
    CLAUDE_CODE_DISABLE_BACKGROUND_TASKS: "1",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    // "@/etc/passwd" in a prompt would attach that file of the console's machine.
    CLAUDE_CODE_DISABLE_FILE_MENTIONS: "1",
    CLAUDE_CODE_DISABLE_CLAUDE_MDS: "1",
    CLAUDE_CODE_DISABLE_AUTO_MEMORY: "1",
    // Wait for our tools before the first request, and hand them over whole.
    MCP_CONNECTION_NONBLOCKING: "false",
    ENABLE_TOOL_SEARCH: "false",
    [MARKER]: ours.marker,
  };
}
