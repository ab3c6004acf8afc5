/**
 * The host keys of a target: for each end what is pinned, and where another key is shown, both fingerprints, how to compare
 * them, and what accepts the new one. It accepts nothing itself, and knows no file.
 */
import {
  type ChangedKey,
  END_WORDS,
  type KeyPrint,
  keyFile,
  type PinnedEnd,
  SETTING_RULES,
  terminalCommand,
} from "../src/target/host-key.ts";
import type { Target } from "../src/target/target.ts";
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { capital } from "./power.tsx";
import { Sheet } from "./sheet.tsx";
import { Ago } from "./time.tsx";

export interface HostKeyPageProps {
  readonly target: Target;
  readonly ends: readonly PinnedEnd[];
  readonly requestId: string;
  readonly now: number;
}

export const HostKeyPage = ({ target, ends, requestId, now }: HostKeyPageProps) => (
  <Sheet title={`Host keys of ${target.name}`} lab={target.lab} target={target.id}>
    <h1>Host keys of {target.name}</h1>
    {target.lab && <p>The lab's machines are simulated and have no host keys.</p>}
    {ends.map((end) => (
      <section class="stack" aria-label={capital(END_WORDS[end.end])}>
        <h2>
          {capital(END_WORDS[end.end])} <small>{end.host}</small>
        </h2>
        {end.changed ? (
          <Changed changed={end.changed} target={target} requestId={requestId} now={now} />
        ) : (
          <Pinned end={end} />
        )}
      </section>
    ))}
  </Sheet>
);

const Pinned = ({ end }: { end: PinnedEnd }) =>
  end.pinned.length === 0 ? (
    <p>
      {end.pinned_by === "settings"
        ? "No key of it is pinned by the settings, so nothing is sent to it."
        : "No contact yet: the first key it shows will be pinned, and said."}
    </p>
  ) : (
    <>
      <p>Pinned {end.pinned_by === "settings" ? "by a setting" : "at the first contact, or since it was accepted"}:</p>
      {end.pinned.map((key) => (
        <Print of={key} />
      ))}
    </>
  );

function Changed({
  changed,
  target,
  requestId,
  now,
}: { changed: ChangedKey } & Pick<HostKeyPageProps, "target" | "requestId" | "now">) {
  const { end, old, offered } = changed;
  return (
    <>
      <p class="lead">
        {capital(END_WORDS[end])} shows {old ? "another key than the pinned one" : "a key that is not pinned"}. Nothing
        is sent to it.
      </p>
      <dl class="facts">
        <dt>pinned</dt>
        <dd>{old ? <Print of={old} /> : "none"}</dd>
        <dt>shown now</dt>
        <dd>{offered ? <Print of={offered} /> : "it could not be read just now"}</dd>
        <dt>seen</dt>
        <dd>
          <Ago at={changed.since} now={now} />
        </dd>
      </dl>
      <p>
        A machine that was rebuilt has a new key; somebody in the middle shows one, too. So look at{" "}
        {end === "vm"
          ? "the VM's own console (in Proxmox, not by ssh)"
          : "the host's own screen, or its shell in the Proxmox page"}
        :
      </p>
      <pre>ssh-keygen -lf {keyFile(offered?.type ?? "ssh-ed25519")}</pre>
      <p>Accept it only if that prints the fingerprint beside “shown now”, to the last character.</p>
      <Way changed={changed} target={target} requestId={requestId} />
    </>
  );
}

/** What accepts it: a setting, the server's own terminal, or this page. */
function Way({ changed, target, requestId }: { changed: ChangedKey } & Pick<HostKeyPageProps, "target" | "requestId">) {
  if (changed.pinned_by === "settings") return <p>It is not accepted here: {SETTING_RULES}.</p>;
  if (changed.end === "pve")
    return (
      <>
        <p>The PVE host's key is never accepted on a page. At the server's own terminal:</p>
        <pre>{terminalCommand("pve", target)}</pre>
      </>
    );
  if (!changed.offered) return <p>Reload this page when the VM can be reached again.</p>;
  return (
    <form method="post" action="/host-key">
      <RequestId value={requestId} />
      <input type="hidden" name="target" value={target.id} />
      <input type="hidden" name="end" value="vm" />
      <input type="hidden" name="fingerprint" value={changed.offered.fingerprint} />
      <p class="do">
        <a class="button quiet" href={`/?target=${target.id}`}>
          Not now
        </a>{" "}
        <button type="submit" class="main">
          Accept the new key
        </button>
      </p>
    </form>
  );
}

const Print = ({ of }: { of: KeyPrint }) => (
  <p>
    {plain(of.type)} <code>{plain(of.fingerprint)}</code>
  </p>
);
