/**
 * What secrets usually look like, whoever they belong to. Few false alarms matter as much as finding all: a hash, a UUID or a
 * fingerprint that is replaced is a fact that somebody needs at three in the morning. Pure; best effort, and said to be.
 */
import type { Span } from "./known.ts";

interface Pattern {
  readonly kind: string;
  /** One of these, in small letters, is in every text that it can match. */
  readonly hint: readonly string[];
  /** Group 1 stays, group 2 is replaced. */
  readonly shape: RegExp;
  /** Group 1 and 2: what the shape alone can't tell. */
  readonly likely?: (before: string, value: string) => boolean;
}

/** A value never begins so: it is one that was replaced already, a variable, or a placeholder. */
const NO_VALUE = /^(?:\[redacted|[$%<{([`]|[*.•xX]+$)/;
/** Up to what ends a word in a shell: nothing that is replaced may hide a command from whoever approves it. */
const WORD = "(?:[^\\s,;&\"'`$()|<>]|\\$(?![({]))+";

const PATTERNS: readonly Pattern[] = [
  { kind: "AWS key", hint: ["akia", "asia"], shape: /(\b)((?:AKIA|ASIA)[A-Z0-9]{16})\b/g },
  {
    kind: "GitHub token",
    hint: ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"],
    shape: /(\b)(gh[pousr]_[A-Za-z0-9]{20,255}|github_pat_[A-Za-z0-9_]{20,255})/g,
  },
  {
    kind: "GitLab token",
    hint: ["glpat-", "glrt-", "gldt-", "glptt-", "glcbt-", "glft-", "glsoat-", "glagent-"],
    shape: /(\b)(gl(?:pat|rt|dt|ptt|cbt|ft|soat|agent)-[A-Za-z0-9_-]{16,255})/g,
  },
  {
    kind: "API key",
    hint: ["sk-", "aiza", "k_live_"],
    shape:
      /(\b)(sk-ant-[A-Za-z0-9_-]{8,}|sk-(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{20,}|AIza[\w-]{35}|[rs]k_live_[A-Za-z0-9]{16,})/g,
  },
  {
    kind: "Slack token",
    hint: ["xox", "xapp-", "hooks.slack.com"],
    shape:
      /(\b|hooks\.slack\.com\/services\/)(xox[abceoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}|T\w{6,}\/B\w{6,}\/\w{16,})/g,
    likely: (before, value) => !value.startsWith("T") || before !== "",
  },
  { kind: "JWT", hint: ["eyj"], shape: /(\b)(eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]*)/g },
  {
    kind: "authorization",
    hint: ["authorization"],
    shape:
      /(authorization["']?\s{0,3}[:=]\s{0,3}["']?(?:bearer|basic|token|digest|negotiate)?\s{0,3})([A-Za-z0-9._~+/=:-]{6,})/gi,
    likely: (_, value) => !/^(?:bearer|basic|token|digest|negotiate)$/i.test(value),
  },
  {
    kind: "bearer token",
    hint: ["bearer"],
    shape: /(\bbearer\s{1,3})([A-Za-z0-9._~+/-]{16,}=*)/gi,
    likely: (_, value) => /\d/.test(value),
  },
  {
    kind: "Proxmox token",
    hint: ["pveapitoken", "pveauthcookie"],
    shape: /(PVEAPIToken[= ][^\s=]{3,120}=|PVEAuthCookie=)([^\s;"']{8,})/gi,
  },
  {
    kind: "password",
    hint: ["://"],
    shape: /(:\/\/[^\s/:@"'<>]{0,128}:)([^\s/@"'<>`$()|;&]{1,256})(?=@)/g,
  },
  {
    kind: "password",
    hint: ["--pass", "--token", "--secret", "--api-key", "sshpass"],
    shape: new RegExp(
      `(--(?:password|passwd|passphrase|token|secret|api-key)\\s{1,3}|sshpass -p ?)(?!-)(${WORD})`,
      "g",
    ),
    likely: (_, value) => value.length >= 4,
  },
  {
    kind: "password",
    hint: ["passw", "passphrase", "_pass", "_pwd"],
    shape: assignment("passw(?:or)?d|passphrase|_pass|_pwd"),
    likely: (before, value) =>
      saysMore(value) &&
      (isPlainly(before)
        ? value.length >= 4
        : value.length >= 6 && /[0-9!@#^*+=~]/.test(value) && /[A-Za-z]/.test(value)),
  },
  {
    kind: "secret",
    hint: ["secret", "token", "api_key", "apikey", "api-key", "access_key", "access-key", "private_key", "credential"],
    shape: assignment("secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential"),
    likely: (before, value) =>
      saysMore(value) &&
      (isPlainly(before)
        ? value.length >= 8 && !/^\d{1,9}$/.test(value)
        : value.length >= 16 && /\d/.test(value) && /[A-Za-z]/.test(value)),
  },
];

/** `NAME_TOKEN=…`, `"password": "…"`, `password: …`; the name may go on behind the word, as in SECRET_ACCESS_KEY. */
function assignment(words: string): RegExp {
  return new RegExp(
    `((?:${words})(?:[_-][A-Za-z0-9_-]{0,40})?\\\\?["']?\\s{0,3}(?::=|=>?|:)\\s{0,3}(?:\\\\?["'])?)((?<=")[^"\\n\`$\\\\]+(?=\\\\?")|(?<=')[^'\\n]+(?=')|${WORD})`,
    "gi",
  );
}

/** With `=` or a quotation mark somebody gives a value; a colon stands in prose, too. */
const isPlainly = (before: string): boolean => /=[>]?\s*\\?["']?$|["']$/.test(before);

const EMPTY_WORDS =
  /^(?:null|nil|none|true|false|yes|no|on|off|unset|undefined|empty|required|optional|disabled|enabled)$/i;
const PATH = /^~?\.{0,2}(?:\/[\w.@-]+){2,}\/?$/;

const saysMore = (value: string): boolean => !NO_VALUE.test(value) && !EMPTY_WORDS.test(value) && !PATH.test(value);

/** Which words lead to which pattern; the last one to private keys. */
export const HINTS: readonly (readonly string[])[] = [...PATTERNS.map(({ hint }) => hint), ["private key"]];

/** @param hinted the numbers of the HINTS that the text has. */
export function patternsIn(text: string, hinted: ReadonlySet<number>): Span[] {
  const spans = hinted.has(PATTERNS.length) ? keysIn(text) : [];
  for (const n of hinted) {
    const pattern = PATTERNS[n];
    if (!pattern) continue;
    const { kind, shape, likely } = pattern;
    for (const match of text.matchAll(shape)) {
      const [, before = "", value = ""] = match;
      if (value === "" || NO_VALUE.test(value) || likely?.(before, value) === false) continue;
      const from = match.index + before.length;
      spans.push({ from, to: from + value.length, kind });
    }
  }
  return spans;
}

export const KEY_BEGINS = /-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
const KEY_ENDS = /-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----/g;
/** No private key is longer. */
export const KEY_MOST = 16_384;
/** Where its end was cut off: the lines that look like more of it. Line ends may be those of a JSON string. */
const KEY_BODY =
  /(?:(?:\r?\n|\\r|\\n)[ \t>|+-]*(?:[A-Za-z0-9+/=]{24,}|(?:Proc-Type|DEK-Info|Version|Comment): [^\n]*|(?=\r?\n)))*(?:(?:\r?\n|\\r|\\n)[ \t>|+-]*[A-Za-z0-9+/=]{1,76}(?=\s*$))?/y;

function keysIn(text: string): Span[] {
  const spans: Span[] = [];
  let after = 0;
  for (const begin of text.matchAll(KEY_BEGINS)) {
    if (begin.index < after) continue;
    const body = begin.index + begin[0].length;
    KEY_ENDS.lastIndex = body;
    const end = KEY_ENDS.exec(text);
    if (end && end.index - body <= KEY_MOST) after = end.index + end[0].length;
    else {
      KEY_BODY.lastIndex = body;
      after = body + (KEY_BODY.exec(text)?.[0].length ?? 0);
    }
    spans.push({ from: begin.index, to: after, kind: "private key" });
  }
  return spans;
}
