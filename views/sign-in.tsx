/** The way in when there is no edge; and the fragment for a page whose sign-in has ended under it. */
import { RequestId } from "./hx.tsx";
import { Sheet } from "./sheet.tsx";

export const SignInPage = ({ requestId, note, next }: { requestId: string; note?: string; next?: string }) => (
  <Sheet title="Sign in" home={false}>
    <h1>Breakglass</h1>
    <p class="lead">The emergency console. Sign in with an operator's token.</p>
    {note && (
      <p class="held" role="alert">
        {note}
      </p>
    )}
    <form method="post" action="/login" class="stack">
      <RequestId value={requestId} />
      {next && <input type="hidden" name="next" value={next} />}
      <label for="token">Token</label>
      <input id="token" name="token" type="password" required autocomplete="current-password" autofocus />
      <button type="submit" class="main">
        Sign in
      </button>
    </form>
  </Sheet>
);

export const SignInFragment = ({ next = "/" }: { next?: string }) => (
  <p>
    Your sign-in has ended. What you typed is kept. <a href={next}>Sign in</a>
  </p>
);
