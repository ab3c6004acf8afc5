/** The rows of a power verb. They have no budget: most of it is what the far end takes, and that is a simulated one here. */
import { spread } from "./figures.ts";
import { tapCycles } from "./power.ts";
import { type Row, row } from "./row.ts";

export async function power(): Promise<Row[]> {
  const taps = await tapCycles(10);
  const seconds = (ms: readonly number[]) =>
    spread(
      ms.map((n) => n / 1000),
      "s",
      1,
    );
  return [
    row(
      "tap → `running` shown, lab",
      "–",
      "–",
      spread(
        taps.map((tap) => tap.running_ms),
        "ms",
        0,
      ),
    ),
    row("… → the evidence is saved, `qm stop` begins", "–", "–", seconds(taps.map((tap) => tap.forensics_ms))),
    row("… → `cycle` done and verified", "–", "–", seconds(taps.map((tap) => tap.ended_ms))),
  ];
}
