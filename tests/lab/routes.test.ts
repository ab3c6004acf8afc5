import { describe, expect, test } from "bun:test";
import { Hono } from "hono";
import { answerRefusal } from "../../src/console/answer.tsx";
import { labRoutes } from "../../src/lab/routes.tsx";
import type { Fault } from "../../src/lab/world.ts";
import { Refusal } from "../../src/refusal.ts";

function panel() {
  let fault: Fault = "none";
  const app = new Hono();
  app.onError((error, c) => (error instanceof Refusal ? answerRefusal(c, error) : Promise.reject(error)));
  app.route(
    "/",
    labRoutes({
      fault: () => fault,
      breakIt: (asked) => {
        if (asked === "qemu_wedged") throw new Refusal(409, "The simulated VM is stopped.");
        fault = asked;
        return fault;
      },
    }),
  );
  const post = (body: string, headers: Record<string, string>) =>
    app.request("/lab/fault", { method: "POST", body, headers });
  return { post, fault: () => fault };
}
const FORM = { "content-type": "application/x-www-form-urlencoded" };
const JSON_ = { "content-type": "application/json" };

describe("POST /lab/fault", () => {
  test("a browser's form breaks the VM and goes back to the console", async () => {
    const { post, fault } = panel();
    const answer = await post("fault=disk_full", { ...FORM, accept: "text/html" });
    expect([answer.status, answer.headers.get("location"), fault()]).toEqual([303, "/", "disk_full"]);
  });

  test("htmx gets the panel with the active fault marked, once", async () => {
    const answer = await panel().post("fault=service_dead", { ...FORM, "hx-request": "true" });
    const html = await answer.text();
    expect(answer.status).toBe(200);
    expect(html).toContain('id="faults"');
    expect(html).toContain('aria-label="Faults"');
    expect(html.match(/aria-pressed="true"/g)).toHaveLength(1);
    expect(html).toMatch(/aria-pressed="true"[^>]*>Dead service</);
  });

  test("a program and a terminal get theirs", async () => {
    expect(await (await panel().post('{"fault":"out_of_memory"}', JSON_)).json()).toEqual({ fault: "out_of_memory" });
    expect(await (await panel().post("fault=none", { ...FORM, accept: "text/plain" })).text()).toContain("none");
  });

  test("an unknown fault, no fault, no JSON and a stopped VM are refused in a sentence, and nothing changes", async () => {
    const { post, fault } = panel();
    const asked: [string, Record<string, string>, number][] = [
      ["fault=fire", FORM, 422],
      ["", FORM, 422],
      ['{"fault":7}', JSON_, 422],
      ["[]", JSON_, 422],
      ["{", JSON_, 400],
      ["fault=qemu_wedged", FORM, 409],
    ];
    for (const [body, headers, status] of asked) {
      const answer = await post(body, headers);
      expect(answer.status).toBe(status as 422);
      expect(((await answer.json()) as { detail: string }).detail.length).toBeGreaterThan(10);
    }
    expect(fault()).toBe("none");
  });
});
