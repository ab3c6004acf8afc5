/** What a run of tests came to, from the runner's own JUnit report: true counts, whatever the console scrolled past. Pure. */
/** How the name of a test begins that was left out, and why; then comes a colon and the promise. */
export const NOT_RUN = "NOT RUN, since ";

export interface Report {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Files that the report knows of. One that fails to load is in no report. */
  readonly files: readonly string[];
  /** `why` is "" where the test does not say. */
  readonly skips: readonly { readonly file: string; readonly name: string; readonly why: string }[];
  readonly failures: readonly { readonly file: string; readonly name: string; readonly says: string }[];
}

export function readReport(xml: string): Report {
  const cases = [...xml.matchAll(/<testcase ([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)].map((match) => ({
    name: attribute(match[1]!, "name"),
    file: attribute(match[1]!, "file"),
    inside: match[3] ?? "",
  }));
  const failed = cases.filter((one) => /<(failure|error)\b/.test(one.inside));
  const skipped = cases.filter((one) => one.inside.includes("<skipped"));
  return {
    passed: cases.length - failed.length - skipped.length,
    failed: failed.length,
    skipped: skipped.length,
    skips: skipped.map(({ file, name }) => ({ file, ...whySkipped(name) })),
    files: [...new Set([...xml.matchAll(/<testsuite ([^>]*)>/g)].map((match) => attribute(match[1]!, "file")))],
    failures: failed.map((one) => ({ file: one.file, name: one.name, says: says(one.inside) })),
  };
}

function whySkipped(name: string): { name: string; why: string } {
  const [, why, promise] = new RegExp(`^${NOT_RUN}(.*?): (.*)$`, "s").exec(name) ?? [];
  return promise === undefined ? { name, why: "" } : { name: promise, why: why! };
}

function says(inside: string): string {
  const body = /<(?:failure|error)\b[^>]*>([\s\S]*?)<\/(?:failure|error)>/.exec(inside)?.[1];
  return plain(body ?? attribute(inside, "message")).trim();
}

function attribute(tag: string, name: string): string {
  return plain(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? "");
}

function plain(text: string): string {
  const named: Record<string, string> = { lt: "<", gt: ">", quot: '"', apos: "'", amp: "&" };
  return text.replace(/&(?:#(\d+)|(\w+));/g, (whole, code, name) =>
    code ? String.fromCodePoint(Number(code)) : (named[name] ?? whole),
  );
}
