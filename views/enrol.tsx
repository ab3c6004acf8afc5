/** Enrolment: a password is chosen, then the recovery codes are shown, this once. */
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";

export interface EnrolPageProps {
  readonly name: string;
  /** Of this very link. */
  readonly address: string;
  /** Null where nothing may be typed: no form then. */
  readonly requestId: string | null;
  readonly note?: string;
  readonly warning?: string;
  /** The name is enrolled already: this gives it another password. */
  readonly again?: boolean;
  readonly lab?: boolean;
}

export const EnrolPage = ({ name, address, requestId, note, warning, again, lab }: EnrolPageProps) => (
  <Sheet title="Enrol" home={false}>
    <h1>
      {again ? "A new password for" : "Welcome,"} {name} {lab && <b class="tag">LAB</b>}
    </h1>
    <p class="lead">
      Choose the password by which you sign in on the day when the edge is down. This link is good once.
    </p>
    {again && <p>Once it is set, the old password, codes, sign-ins and wall boards of {name} end.</p>}
    {warning && (
      <p class="held">
        <b>{warning}</b>
      </p>
    )}
    {note && (
      <p class="held" role="alert">
        <b>{plain(note)}</b>
      </p>
    )}
    {requestId !== null && (
      <form method="post" action={address} class="stack">
        <RequestId value={requestId} />
        <NewPassword name={name} focus />
        <button type="submit" class="main">
          Set the password
        </button>
      </form>
    )}
  </Sheet>
);

/** The two fields; the name goes along for password managers. */
export const NewPassword = ({ name, focus, label = "Password" }: { name: string; focus?: boolean; label?: string }) => (
  <>
    <input class="vh" type="text" value={name} autocomplete="username" readonly tabindex={-1} aria-label="Name" />
    <label for="password">{label}</label>
    <input
      id="password"
      name="password"
      type="password"
      required
      minlength={12}
      autocomplete="new-password"
      aria-describedby="advice"
      autofocus={focus}
    />
    <p id="advice">
      At least 12 characters. Four or five words that have nothing to do with each other are good, and easy to type on a
      phone.
    </p>
    <label for="again">The same again</label>
    <input id="again" name="again" type="password" required minlength={12} autocomplete="new-password" />
  </>
);

export const CodesPage = ({
  name,
  codes,
  fresh,
  lab,
}: {
  name: string;
  codes: readonly string[];
  /** Just enrolled, and signed in by it. */
  fresh?: boolean;
  lab?: boolean;
}) => (
  <Sheet title="Recovery codes" lab={lab}>
    <h1>Recovery codes of {name}</h1>
    {fresh && <p class="lead">You are enrolled and signed in.</p>}
    <p class="held">
      <b>These are shown now and never again.</b> Each signs {name} in once, without the password. Print them or write
      them down, and keep them where the incident will not be.
    </p>
    <ol class="codes">
      {codes.map((code) => (
        <li>
          <code class="lead">{code}</code>
        </li>
      ))}
    </ol>
    <p>
      <a class="button quiet" href="/">
        I have them: to the console
      </a>
    </p>
  </Sheet>
);
