/** Every program of the simulated guest, by name. */
import { FILE_PROGRAMS } from "./file-programs.ts";
import type { Programs } from "./machine.ts";
import { PROCESS_PROGRAMS } from "./process-programs.ts";
import { SERVICE_PROGRAMS } from "./service-programs.ts";
import { SYSTEM_PROGRAMS } from "./system-programs.ts";
import { TEXT_PROGRAMS } from "./text-programs.ts";

const apt = (run: { err(text: string): void }) => {
  run.err("E: the lab's simulated guest has no packages to change\n");
  return 100;
};

export const PROGRAMS: Programs = {
  ...TEXT_PROGRAMS,
  ...SYSTEM_PROGRAMS,
  ...SERVICE_PROGRAMS,
  ...PROCESS_PROGRAMS,
  ...FILE_PROGRAMS,
  ...{ apt, "apt-get": apt, reboot: unreachable, poweroff: unreachable, shutdown: unreachable },
};

function unreachable(run: { name: string; err(text: string): void }): number {
  run.err(`${run.name}: the lab's guest leaves power to the PVE host; use a verb\n`);
  return 1;
}
