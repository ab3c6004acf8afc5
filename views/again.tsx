/** The question for the password in between, and what stands in the place of what was asked for until it is given. */
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";

export const AgainPage = ({
  name,
  token,
  needed,
  requestId,
  next,
  note,
  lab,
}: {
  name: string;
  /** Signed in with the token, so it is the token that is asked for. */
  token: boolean;
  /** False for whoever has nothing to give here. */
  needed: boolean;
  requestId: string;
  next: string;
  note?: string;
  lab?: boolean;
}) => (
  <Sheet title="Once more" lab={lab}>
    <h1>{token ? "The token" : "Your password"}, once more</h1>
    {note && (
      <p class="held" role="alert">
        <b>{plain(note)}</b>
      </p>
    )}
    {needed ? (
      <>
        <p class="lead">It is good for five minutes. Nothing was done yet.</p>
        <form method="post" action="/access/again" class="stack">
          <RequestId value={requestId} />
          <input type="hidden" name="next" value={next} />
          <input
            class="vh"
            type="text"
            value={name.replace(/^local:/, "")}
            autocomplete="username"
            readonly
            tabindex={-1}
            aria-label="Name"
          />
          <label for="password">{token ? "Token" : "Password"}</label>
          <input id="password" name="password" type="password" required autocomplete="current-password" autofocus />
          <button type="submit" class="main">
            Go on
          </button>
        </form>
      </>
    ) : (
      <p>You did not sign in here, so there is no password to give. Go back and go on.</p>
    )}
  </Sheet>
);

/** In place of what was asked for: it wants the password first. */
export const ProofAsked = ({ sentence, way, page }: { sentence: string; way: string; page?: boolean }) => {
  const link = <a href={way}>Give it, then tap again</a>;
  if (!page)
    return (
      <p class="refused">
        {sentence} {link}
      </p>
    );
  return (
    <Sheet title="Once more">
      <h1>Your password, once more</h1>
      <p class="lead" role="alert">
        {sentence}
      </p>
      <p>{link}</p>
    </Sheet>
  );
};
