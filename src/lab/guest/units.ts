/** The simulated guest's systemd units, with the one that the fault of the lab makes fail. Pure. */
import { chance, type World } from "../world.ts";

export interface Unit {
  readonly name: string;
  readonly about: string;
  readonly state: "active" | "failed" | "inactive";
  readonly sub: string;
  readonly pid: number | null;
  /** Why it failed, as systemd says. */
  readonly why?: string;
}

export function unitsOf(world: World, full: boolean): Unit[] {
  const base = 700 + Math.floor(chance(world.seed, 9) * 200);
  const dead = world.fault === "service_dead";
  const unit = (name: string, about: string, pid: number | null): Unit => ({
    name: `${name}.service`,
    about,
    state: "active",
    sub: "running",
    pid,
  });
  const failed = (name: string, about: string, why: string): Unit => ({
    name: `${name}.service`,
    about,
    state: "failed",
    sub: "failed",
    pid: null,
    why,
  });
  return [
    full
      ? failed("app-worker", "Order export worker", "exit-code")
      : unit("app-worker", "Order export worker", base + 91),
    unit("app", "Order service", base + 77),
    unit("cron", "Regular background program processing daemon", base + 3),
    unit("docker", "Docker Application Container Engine", base + 130),
    dead
      ? failed("nginx", "A high performance web server and a reverse proxy server", "signal")
      : unit("nginx", "A high performance web server and a reverse proxy server", base + 55),
    unit("postgresql@15-main", "PostgreSQL Cluster 15-main", base + 40),
    unit("qemu-guest-agent", "QEMU Guest Agent", base + 14),
    unit("ssh", "OpenBSD Secure Shell server", base),
    unit("systemd-journald", "Journal Service", 288),
  ];
}
