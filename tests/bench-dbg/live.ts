/** What an event of a 400-entry incident weighs on the wire, from the prompt to the end of the turn, with all that goes along. */
import { attach, type Place } from "./place.ts";

export interface LiveWeight {
  readonly entries: number;
  /** Bytes on the socket an entry: chunk sizes, compression, ids, the turn's own frames, states and beats in between. */
  readonly each: number;
  /** Frames that carried entries. */
  readonly frames: number;
}

export interface Incident {
  readonly entries: number;
  readonly every_ms: number;
  readonly gzip: boolean;
  readonly partials?: boolean;
}

export async function weighLive(place: Place, { gzip, ...wish }: Incident): Promise<LiveWeight> {
  const session = await place.newSession();
  const wire = await attach(place, session, { gzip });
  await wire.until((text) => text.includes("event: caught-up"));
  const [before, heard] = [wire.bytes, wire.text.length];
  await place.pour(session, wish);
  // The slot of the turn says Send again.
  await wire.until((text) => text.slice(heard).includes("turn-send"));
  const said = wire.text.slice(heard);
  const each = (wire.bytes - before) / wish.entries;
  wire.close();
  const drawn = [...said.matchAll(/<li id="e\d+" class="(?:said|call|ret)"/g)].length;
  if (drawn !== wish.entries) throw new Error(`${drawn} of ${wish.entries} entries came; the figure means nothing`);
  return { entries: wish.entries, each, frames: [...said.matchAll(/^id: /gm)].length };
}
