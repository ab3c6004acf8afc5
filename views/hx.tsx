/** The few htmx attributes that many elements share, and the frames that replace a part of the page. */
import type { Child } from "hono/jsx";

/** A refusal says its sentence beside the composer; whatever was on the page stays. */
export const REFUSALS_TO_NOTICE = {
  "hx-status:4xx": "target:#notice swap:innerHTML",
  "hx-status:5xx": "target:#notice swap:innerHTML",
};

/** `swap` defaults to outerMorph: a button under a finger, focus and an opened <details> stay what they are. */
export const Partial = ({
  target,
  swap = "outerMorph",
  children,
}: {
  target: string;
  swap?: string;
  children?: Child;
}) => (
  <hx-partial hx-target={target} hx-swap={swap}>
    {children}
  </hx-partial>
);

/** Gives each form its signed request id: names are a verb, `prompt`, `session`, `ask-<check>`, `check-<check>`. */
export type RequestIds = (form: string) => string;

export const RequestId = ({ value, id }: { value: string; id?: string }) => (
  <span id={id} class="rid">
    <RequestInput value={value} />
  </span>
);

export const RequestInput = ({ value }: { value: string }) => <input type="hidden" name="request_id" value={value} />;

/** For a form whose answer is a fresh `RequestInput` (or nothing): it takes the old one's place in that very form. */
export const TO_OWN_ID = { "hx-target": "find .rid", "hx-swap": "innerHTML" };

/** A fresh request id for the very form that asked, known by its `HX-Source` ("form#ask-disk"). Goes with the answer. */
export function Renewal({ source, requestId }: { source: string | null | undefined; requestId: string }) {
  const form = /^form#([a-z]+(?:-[a-z]+)*)$/.exec(source ?? "")?.[1];
  if (!form) return null;
  return (
    <Partial target={`#${form} .rid`} swap="innerHTML">
      <RequestInput value={requestId} />
    </Partial>
  );
}
