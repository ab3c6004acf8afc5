/** The lab's fault panel: what is broken now, and a button for each thing that can be. Plain forms; htmx only saves the reload. */
import type { Fault } from "../src/lab/world.ts";

interface Shown {
  readonly name: string;
  readonly does: string;
  readonly cure: string;
}

export const FAULTS_SHOWN: Readonly<Record<Fault, Shown>> = {
  qemu_wedged: {
    name: "QEMU wedged",
    does: "QEMU answers, its disk does not move, the VM is silent",
    cure: "cycle; a reset does not help",
  },
  disk_full: {
    name: "Disk full",
    does: "/ is at 100 % and a worker fails to write",
    cure: "ask the agent to “free the disk”, and allow it; cycle does not help",
  },
  out_of_memory: {
    name: "Out of memory",
    does: "memory and swap are full, 41 processes wait for the disk",
    cure: "ask the agent to “fix the memory”, and allow it; or cycle",
  },
  service_dead: {
    name: "Dead service",
    does: "nginx has failed",
    cure: "ask the agent to “restart nginx”, and allow it; or cycle",
  },
  host_unreachable: {
    name: "Host gone",
    does: "neither the PVE host nor the VM can be reached",
    cure: "none from here: that is the cold case. “Mend everything” brings it back",
  },
  none: { name: "Mend everything", does: "nothing is broken", cure: "" },
};

/** `requestId` proves our own page where a text browser sends no header that does. */
export const Faults = ({ fault, requestId }: { fault: Fault; requestId?: string }) => {
  const now = FAULTS_SHOWN[fault];
  return (
    <section id="faults" aria-label="Faults">
      <p>
        {fault === "none" ? "Lab: nothing is broken. Break the simulated VM:" : `Lab: ${now.does}. Cure: ${now.cure}.`}
      </p>
      <div>
        {(Object.keys(FAULTS_SHOWN) as Fault[]).map((name) => (
          <form
            key={name}
            method="post"
            action="/lab/fault"
            hx-post="/lab/fault"
            hx-target="#faults"
            hx-swap="outerHTML"
            hx-sync="this:drop"
          >
            <input type="hidden" name="fault" value={name} />
            {requestId && <input type="hidden" name="request_id" value={requestId} />}
            <button
              class="quiet"
              type="submit"
              aria-pressed={name === fault ? "true" : "false"}
              title={FAULTS_SHOWN[name].does}
            >
              {FAULTS_SHOWN[name].name}
            </button>
          </form>
        ))}
      </div>
    </section>
  );
};
