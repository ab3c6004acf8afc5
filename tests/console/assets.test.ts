/** The static files as they are sent: each in the smallest form that its reader takes, from the first request on. */
import { expect, test } from "bun:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { readAssets, serveAsset } from "../../src/console/assets.ts";

const sent = async (accepts: string, method = "GET") => {
  // Read anew each time: nothing was compressed before.
  const assets = readAssets();
  const script = assets.find(assets.script)!;
  const headers = { "accept-encoding": accepts };
  const answer = await serveAsset(script, new Request("http://console.test/", { headers, method }));
  const body = new Uint8Array(await answer.arrayBuffer());
  return { encoding: answer.headers.get("content-encoding"), body, plain: new Uint8Array(script.plain) };
};

test("the first request after a start gets the script compressed, as every other one does", async () => {
  const br = await sent("gzip, deflate, br");
  expect(br.encoding).toBe("br");
  expect(new Uint8Array(brotliDecompressSync(br.body))).toEqual(br.plain);
  const gzip = await sent("gzip, deflate");
  expect(gzip.encoding).toBe("gzip");
  expect(new Uint8Array(gunzipSync(gzip.body))).toEqual(gzip.plain);
  expect(br.body.length).toBeLessThan(gzip.body.length);
});

test("who takes no compression gets the file as it is, and who asks for the head gets no body", async () => {
  const plain = await sent("identity");
  expect([plain.encoding, plain.body]).toEqual([null, plain.plain]);
  expect((await sent("br", "HEAD")).body).toHaveLength(0);
});
