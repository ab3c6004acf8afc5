/** The examples in docs/deploy: the settings they give are ones that the console starts with, and the locks they promise are in them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readConfig } from "../../src/config.ts";

const root = join(import.meta.dir, "../..");
const text = (name: string) => readFileSync(join(root, name), "utf8");
let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "deploy-"));
  for (const name of ["key", "known_hosts"]) writeFileSync(join(folder, name), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What the image sets by itself, from the Containerfile. */
function ofTheImage(): Record<string, string> {
  const block = /^ENV ((?:.*\\\n)*.*)$/m.exec(text("Containerfile"))?.[1] ?? "";
  return Object.fromEntries([...block.matchAll(/([A-Z_]+)=(\S+)/g)].map(([, name, value]) => [name!, value!]));
}

type Manifest = any;
const manifests = () => Bun.YAML.parse(text("docs/deploy/kubernetes.yaml")) as Manifest[];
const kind = (name: string): Manifest => manifests().find((one) => one.kind === name);

test("the settings of the pod are ones that the console starts with", () => {
  const given: { name: string; value?: string }[] = kind("Deployment").spec.template.spec.containers[0].env;
  const env = Object.fromEntries(
    given.map(({ name, value }) => [name, value?.replace("/secrets", folder) ?? "a-long-enough-secret"]),
  );
  const image = ofTheImage();
  expect(Object.keys(image)).toContain("BREAKGLASS_CONTAINER"); // else the image's own were not read
  const config = readConfig({ ...image, BREAKGLASS_DATA_DIR: folder, ...env });
  expect(config.lab).toBe(false);
  expect(config.targets.map((target) => target.vmid)).toEqual([102]);
});

test("the pod has one writer, no rights, a read-only root, local storage, and room for a CLI", () => {
  const { spec } = kind("Deployment");
  const pod = spec.template.spec;
  const [box] = pod.containers;
  expect([spec.replicas, spec.strategy.type]).toEqual([1, "Recreate"]);
  expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 10001 });
  expect(box.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  expect(pod.enableServiceLinks).toBe(false);
  expect(pod.automountServiceAccountToken).toBe(false);
  expect(pod.priorityClassName).toBe(kind("PriorityClass").metadata.name);
  for (const probe of [box.startupProbe, box.readinessProbe, box.livenessProbe])
    expect(probe.httpGet.path).toBe("/health");
  expect(Number.parseInt(box.resources.limits.memory, 10)).toBeGreaterThanOrEqual(1024);
  expect(kind("PersistentVolumeClaim").spec.accessModes).toEqual(["ReadWriteOnce"]);
  // Kubernetes reads YAML 1.1, in which 0440 is octal.
  expect(text("docs/deploy/kubernetes.yaml")).toMatch(/defaultMode: 0440\b/);
  expect(kind("NetworkPolicy").spec.policyTypes).toEqual(["Ingress", "Egress"]);
});

test("each setting that a unit names exists", () => {
  const named = ["breakglass.container", "breakglass.service"].flatMap((name) =>
    [...text(`docs/deploy/${name}`).matchAll(/\b(BREAKGLASS_[A-Z_]+)=(\S+)/g)].map(([, setting]) => setting!),
  );
  expect(named.length).toBeGreaterThan(1); // else this proves nothing
  const settings = text("docs/settings.md");
  for (const name of named) expect(settings).toContain(`\`${name}\``);
});
