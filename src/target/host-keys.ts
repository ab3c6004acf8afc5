/**
 * The pinned keys of every target's two ends: notices first contacts and changed keys, says them once, and puts a new key in
 * the place of an old one when an operator has compared the two. What refuses a changed key is OpenSSH, at every connection;
 * what stands here is how it is told and cured. It knows no pages.
 */
import { Exclusive } from "../exclusive.ts";
import { ALWAYS_ANSWERS, type Disk } from "../log/disk.ts";
import { type Draft, type Entry, type Log, LogUnwritable } from "../log/log.ts";
import { refuse } from "../refusal.ts";
import { type Accepted, takeAcceptances } from "./acceptances.ts";
import type { TargetBody } from "./event.ts";
import {
  type ChangedKey,
  END_WORDS,
  ENDS,
  type End,
  type HostKey,
  type PinnedEnd,
  placeName,
  printInWords,
  printOf,
  SETTING_RULES,
  sameKey,
  terminalCommand,
} from "./host-key.ts";
import { keyOffered } from "./keyscan.ts";
import { firstContacts, keysPinned, pinOf, replacing } from "./known-hosts.ts";
import type { Ssh } from "./ssh.ts";
import type { Reading } from "./state.ts";
import { streamOf, type Target } from "./target.ts";

export interface HostKeysTools {
  readonly log: Log;
  readonly ssh: Ssh;
  readonly env: Readonly<Record<string, string>>;
  readonly data_dir: string;
  readonly targets: readonly Target[];
  /** The one of `data_dir`. */
  readonly disk?: Disk;
  /** Called when a key was accepted: what is true of these targets is worth asking anew. */
  readonly stirred: (targets: readonly Target[]) => void;
}

export interface Acceptance {
  readonly target: Target;
  readonly end: string;
  /** The one that the operator compared. */
  readonly fingerprint: string;
  readonly by: string;
  readonly request_id: string;
}

type Kept = Entry<"key_accepted", TargetBody["key_accepted"]>;

/** While nothing new is known, a changed end is asked for its key no more often than this, ms. */
const SCAN_EVERY_MS = 30_000;

export class HostKeys {
  private readonly facts = new Map<string, ChangedKey>();
  private readonly scanned = new Map<string, number>();
  /** Ends that showed the pinned key since we started. */
  private readonly well = new Set<string>();
  private closed = false;
  private readonly accepting = new Exclusive<string>();
  private readonly disk: Disk;
  private readonly contacts: () => ReturnType<ReturnType<typeof firstContacts>>;

  constructor(private readonly tools: HostKeysTools) {
    this.disk = tools.disk ?? ALWAYS_ANSWERS;
    this.contacts = firstContacts(tools.ssh.known_hosts);
  }

  /** What is asked now is no longer told: the log closes. */
  close(): void {
    this.closed = true;
  }

  changed(target: Target): readonly ChangedKey[] {
    return ENDS.map((end) => this.facts.get(factId(target, end))).filter((fact) => fact !== undefined);
  }

  ends(target: Target): readonly PinnedEnd[] {
    return ENDS.map((end) => {
      const pin = pinOf(this.tools.ssh, target[end]);
      return {
        end,
        host: placeName(target[end]),
        pinned: keysPinned(pin.path, target[end]).map(printOf),
        pinned_by: pin.by,
        changed: this.facts.get(factId(target, end)) ?? null,
      };
    });
  }

  /** After each reading: what ssh refused becomes a fact, what answered again ends it. Returns the facts that stand. */
  async look(target: Target, reading: Reading): Promise<readonly ChangedKey[]> {
    if (this.closed) return this.changed(target);
    await this.takeFromTerminal();
    await this.tellContacts();
    const ends = [
      ["vm", reading.knock?.key_refused, reading.knock?.answered],
      ["pve", reading.key_refused, reading.status !== null],
    ] as const;
    for (const [end, refused, answered] of ends) {
      if (refused) await this.see(target, end);
      else if (answered) {
        this.facts.delete(factId(target, end));
        this.well.add(factId(target, end));
      }
    }
    return this.changed(target);
  }

  /**
   * Puts the key that a VM shows now in the place of the pinned one, if it is the one that the operator compared. The same
   * request id answers the first acceptance. Throws Refusal: 403 where a page may not, 409 when the key is another by now.
   */
  async accept({ target, end, fingerprint, by, request_id }: Acceptance): Promise<TargetBody["key_accepted"]> {
    const once = `key:${request_id}`;
    const first = this.tools.log.once(once) as Kept | null;
    if (first) {
      if (
        first.kind === "key_accepted" &&
        first.stream === streamOf(target) &&
        first.body.new.fingerprint === fingerprint
      )
        return first.body;
      refuse(422, "this request id was used for something else; open the page of the keys again and accept there");
    }
    if (end === "pve")
      refuse(
        403,
        `the PVE host's key is never accepted on a page; compare the two keys, then at the server's own terminal: ${terminalCommand("pve", target)}`,
      );
    if (end !== "vm") refuse(422, "end is 'vm'; the PVE host's key is accepted at the server's own terminal");
    if (target.lab) refuse(422, "the lab's VM has no host key; there is nothing to accept");
    const place = target[end];
    if (this.tools.targets.some((t) => placeName(t.pve) === placeName(place)))
      refuse(
        403,
        `${placeName(place)} is a PVE host's address, too; at the server's own terminal: ${terminalCommand("vm", target)}`,
      );
    const pin = pinOf(this.tools.ssh, place);
    if (pin.by === "settings") refuse(403, `nothing was accepted: ${SETTING_RULES}`);
    const id = factId(target, end);
    this.accepting.take(id, by, (other) => `${other} is accepting a key of ${target.name} just now; look again`);
    try {
      const old = keysPinned(pin.path, place);
      const offered = await keyOffered(place, old[0]?.type ?? null, this.tools.env);
      if (!offered) refuse(409, `${END_WORDS[end]} shows no key just now, so nothing was accepted; try again`);
      if (offered.fingerprint !== fingerprint) await this.note(target, end, offered);
      if (offered.fingerprint !== fingerprint)
        refuse(
          409,
          `${END_WORDS[end]} shows another key by now (${printInWords(offered)}), so nothing was accepted; compare that one`,
        );
      if (old.some((key) => sameKey(key, offered)))
        refuse(422, `${printInWords(offered)} is the pinned key already; there is nothing to accept`);
      const body: TargetBody["key_accepted"] = {
        by,
        end,
        host: placeName(place),
        old: old[0] ? printOf(old[0]) : null,
        new: printOf(offered),
      };
      const trouble = await this.disk.asked();
      if (trouble !== null) throw new LogUnwritable(trouble);
      const replace = replacing(pin.path, place, offered);
      await this.write(target, "key_accepted", body, once);
      replace();
      this.facts.delete(id);
      this.tools.stirred(this.on(body.host));
      return body;
    } finally {
      this.accepting.release(id);
    }
  }

  /** What was accepted at the server's own terminal, into the log. */
  async takeFromTerminal(): Promise<void> {
    await takeAcceptances(
      this.tools.data_dir,
      async ({ id, target, ...body }: Accepted) => {
        const known = this.tools.targets.find((t) => t.id === target);
        if (known) await this.write(known, "key_accepted", body, `key:${id}`);
        this.facts.delete(`${target} ${body.end}`);
      },
      this.disk,
    ).catch((error) => console.error("keys accepted at the terminal:", error));
  }

  private async see(target: Target, end: End): Promise<void> {
    const id = factId(target, end);
    const before = this.facts.get(id);
    if (before?.offered && performance.now() - (this.scanned.get(id) ?? 0) < SCAN_EVERY_MS) return;
    const type = keysPinned(pinOf(this.tools.ssh, target[end]).path, target[end])[0]?.type ?? null;
    await this.note(target, end, await keyOffered(target[end], type, this.tools.env));
  }

  private async note(target: Target, end: End, offered: HostKey | null): Promise<void> {
    const id = factId(target, end);
    const before = this.facts.get(id);
    this.scanned.set(id, performance.now());
    if (this.closed) return;
    // Read after the question: accepted meanwhile, or the right key is back, and the next reading will tell.
    const pin = pinOf(this.tools.ssh, target[end]);
    const pinned = keysPinned(pin.path, target[end]);
    if (pinned.some((key) => sameKey(key, offered))) return;
    const old = pinned.find((key) => key.type === offered?.type) ?? pinned[0] ?? null;
    const body = {
      end,
      host: placeName(target[end]),
      old: old && printOf(old),
      offered: offered ? printOf(offered) : (before?.offered ?? null),
    };
    const told_at = await this.tellChanged(target, body);
    // What was told before a restart goes on; what ended in between begins anew.
    const since = before?.since ?? (this.well.has(id) ? Date.now() : told_at);
    this.facts.set(id, { target: target.id, ...body, pinned_by: pin.by, since });
  }

  /** Says a change once, also across restarts. Returns when that was. */
  private async tellChanged(target: Target, body: TargetBody["key_changed"]): Promise<number> {
    const newest = (["key_changed", "key_accepted"] as const)
      .flatMap((kind) => this.tools.log.newest({ stream: streamOf(target), kind, limit: 20 }))
      .filter((e) => (e.body as { end: End }).end === body.end)
      .sort((a, b) => b.seq - a.seq)[0] as Entry<"key_changed", TargetBody["key_changed"]> | undefined;
    const told = newest?.kind === "key_changed" ? newest : null;
    // A key that could not be read is no news of its own.
    if (told && (body.offered === null || sameKey(told.body.offered, body.offered))) return told.at;
    console.error(
      `breakglass: ${END_WORDS[body.end]} of ${target.name} (${body.host}) shows another host key: pinned ${printInWords(body.old)}, shown ${printInWords(body.offered)}; nothing is sent to it`,
    );
    return (await this.write(target, "key_changed", body)).at;
  }

  private async tellContacts(): Promise<void> {
    for (const contact of this.contacts()) {
      console.error(
        `breakglass: first contact with ${contact.host}: ${contact.type} ${contact.fingerprint} was accepted; compare it at that machine`,
      );
      for (const target of this.tools.targets)
        for (const end of ENDS)
          if (placeName(target[end]) === contact.host) await this.write(target, "contacted", { ...contact, end });
    }
  }

  private on(host: string): readonly Target[] {
    return this.tools.targets.filter((target) => ENDS.some((end) => placeName(target[end]) === host));
  }

  private async write<K extends keyof TargetBody>(target: Target, kind: K, body: TargetBody[K], once?: string) {
    const draft: Draft = { stream: streamOf(target), kind, body, once, durable: true, rescue: true };
    const { entry } = await this.tools.log.append(draft);
    return entry;
  }
}

const factId = (target: Target, end: End): string => `${target.id} ${end}`;
