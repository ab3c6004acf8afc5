/** Made-up secrets of every kind that is looked for, put together here so that no scanner takes them for real ones. */
import { generateKeyPairSync } from "node:crypto";

const word = (n: number, seed: number) =>
  Array.from({ length: n }, (_, i) => "abcdefGHIJKLmnopQRSTuv0123456789"[(i * 7 + seed * 11 + (i >> 2)) % 32]).join("");

export const pemKey = (): string =>
  generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  }).privateKey;

/** The text as it would be printed, and the part that nobody may see. */
export const SAMPLES: readonly { readonly kind: string; readonly text: string; readonly secret: string }[] = [
  sample("AWS key", "AKIA1234567890ABCDEF", (s) => `key id ${s} of the backup`),
  sample("AWS secret", word(40, 1), (s) => `AWS_SECRET_ACCESS_KEY=${s}`),
  sample("GitHub", `ghp_${word(36, 2)}`, (s) => `remote: ${s} was refused`),
  sample("GitHub, fine-grained", `github_pat_${word(50, 3)}`, (s) => `token is ${s}.`),
  sample("GitLab", `glpat-${word(20, 4)}`, (s) => `Using ${s} now`),
  sample("Anthropic", `sk-ant-api03-${word(40, 5)}`, (s) => `x-api-key: ${s}`),
  sample("Slack", `xoxb-${"1".repeat(12)}-${word(24, 6)}`, (s) => `posting with ${s}`),
  sample("JWT", `eyJ${word(20, 7)}.eyJ${word(30, 8)}.${word(43, 9)}`, (s) => `got ${s} back`),
  sample("bearer", word(32, 10), (s) => `> Authorization: Bearer ${s}`),
  sample("basic", Buffer.from("root:made-up-pass").toString("base64"), (s) => `Authorization: Basic ${s}`),
  sample("password in an address", "pa55-w0rd!", (s) => `postgres://app:${s}@db.example.org:5432/app`),
  sample("password of an environment", "correcthorse", (s) => `PGPASSWORD=${s} psql -c 'select 1'`),
  sample("password in JSON", "correct horse battery", (s) => `{"user": "app", "password": "${s}"}`),
  sample("password in YAML", "hunter2-hunter3", (s) => `  password: ${s}`),
  sample("option", "s3cr3t-option", (s) => `mysqldump --password ${s} app`),
  sample("token of an environment", word(24, 11), (s) => `export REGISTRY_TOKEN=${s}`),
  sample("Proxmox", "12345678-abcd-4321-dcba-1234567890ab", (s) => `PVEAPIToken=root@pam!bg=${s}`),
];

function sample(kind: string, secret: string, say: (secret: string) => string) {
  return { kind, secret, text: say(secret) };
}

/** What a VM and its host print on any day. */
export const ORDINARY = `
Nov 22 03:12:44 devvm systemd[1]: nginx.service: Main process exited, code=exited, status=1/FAILURE
Nov 22 03:12:45 devvm sshd[4242]: Failed password for root from 192.0.2.7 port 51234 ssh2
Nov 22 03:12:46 devvm sshd[4242]: Accepted publickey for breakglass from 192.0.2.2 port 40000 ssh2: ED25519 SHA256:uNiVztksCsDhcc0u9e8BrrJXVVRq2GhJ3n8eTJsSPcs
Nov 22 03:12:47 devvm kernel: audit: type=1400 audit(1732244567.123:45): apparmor="DENIED" profile="snap.x" token=0x1
passwd:         files systemd
Last password change                                    : Jan 01, 2026
Password expires                                        : never
password: required
boot: order=scsi0;ide2;net0
vmgenid: 3f2b5c1e-7f7c-4c0b-9a25-8f1f0a4f8a11
smbios1: uuid=0a1b2c3d-1111-2222-3333-444455556666
UUID=8c2d6a0e-5f6f-4f5c-8e2c-0a8a2c1d3b4e / ext4 errors=remount-ro 0 1
ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl root@pve
9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  vmlinuz
request id p-1a2b3c4d.QUJDREVGR0hJSktMTU5PUA, max_tokens=4096, tokens: 18293, key=(null)
TOKEN_FILE=/run/secrets/token PASSWORD_FILE=/run/secrets/db_password SECRET=$VAULT_SECRET
secretmem.enable=1 tokenizer=fast credential: none api_key: null
docker.io/library/redis@sha256:2d1463258f2764328496376f5d965f20c6a67f66ea2b06dc42af351f75248792
https://db.example.org:8443/path?x=1@2 ssh://host:22/ user@host:/srv
disk-by-id/ata-Samsung_SSD_870_EVO_500GB_S62BNX0R123456A risk-assessment-of-2026-for-the-Board
`;
