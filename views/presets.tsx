/** The five presets: each may be asked of the agent, or run as a check without AI. The table is the caller's. */
import type { Check } from "../src/checks/check.ts";
import { REFUSALS_TO_NOTICE, RequestId, type RequestIds, TO_OWN_ID } from "./hx.tsx";

export type Preset = Pick<Check, "name" | "title" | "prompt">;

export interface PresetsProps {
  readonly presets: readonly Preset[];
  readonly sessionId: string;
  readonly requestIds: RequestIds;
}

export const Presets = ({ presets, sessionId, requestIds }: PresetsProps) => (
  <div id="presets">
    {presets.map((preset) => (
      // biome-ignore lint/a11y/useSemanticElements: a fieldset can't be a flex row in every engine that counts
      <div role="group" aria-labelledby={`preset-${preset.name}`}>
        <span id={`preset-${preset.name}`}>{preset.title}</span>
        <form id={`check-${preset.name}`} {...posts(`/api/check/${preset.name}`)}>
          <RequestId value={requestIds(`check-${preset.name}`)} />
          <input type="hidden" name="session" value={sessionId} />
          <button type="submit">
            <span class="long">Run the </span>check
          </button>
        </form>
        <form id={`ask-${preset.name}`} {...posts(`/api/session/${sessionId}/prompt`)}>
          <RequestId value={requestIds(`ask-${preset.name}`)} />
          <input type="hidden" name="preset" value={preset.name} />
          <button type="submit">
            Ask<span class="long"> the agent</span>
          </button>
        </form>
      </div>
    ))}
  </div>
);

// The answer is a fresh id for this form: what was asked for comes back on the stream.
const posts = (address: string) => ({
  method: "post" as const,
  action: address,
  "hx-post": address,
  ...TO_OWN_ID,
  "hx-sync": "this:drop",
  "hx-disable": "find button",
  ...REFUSALS_TO_NOTICE,
});
