/** The way in when there is no edge; and the fragment for a page whose sign-in has ended under it. */
import type { Child } from "hono/jsx";
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";

export interface SignInPageProps {
  /** Null where nobody can sign in: no form then. */
  readonly requestId: string | null;
  readonly note?: string;
  /** About the connection itself. */
  readonly warning?: string;
  readonly next?: string;
  /** What was typed before, and where: that form is open again. */
  readonly name?: string;
  readonly tried?: "password" | "code" | "token";
  /** Somebody is enrolled, so names and passwords are asked for. */
  readonly names?: boolean;
  /** There is a token to sign in with. */
  readonly token?: boolean;
  readonly lab?: boolean;
  /** This device is a wall board: for the form that ends it. */
  readonly boardId?: string;
}

export function SignInPage({
  requestId,
  note,
  warning,
  next,
  name,
  tried = "password",
  names,
  token = true,
  lab,
  boardId,
}: SignInPageProps) {
  const Form = ({ children }: { children?: Child }) => (
    <form method="post" action="/login" class="stack">
      <RequestId value={requestId!} />
      {next && <input type="hidden" name="next" value={next} />}
      {children}
    </form>
  );
  const Token = ({ alone }: { alone: boolean }) => (
    <Form>
      <label for="token">Token</label>
      <input id="token" name="token" type="password" required autocomplete="current-password" autofocus={alone} />
      <button type="submit" class={alone ? "main" : "quiet"}>
        {alone ? "Sign in" : "Use the token"}
      </button>
    </Form>
  );
  return (
    <Sheet title="Sign in" home={false}>
      <h1>Breakglass {lab && <b class="tag">LAB</b>}</h1>
      <p class="lead">
        The emergency console. {names ? "Sign in with your name and password." : "Sign in with an operator's token."}
      </p>
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
      {boardId && (
        <form method="post" action="/logout" class="stack">
          <RequestId value={boardId} />
          <p>This device is a wall board. Signing in ends that; so does this:</p>
          <button type="submit" class="quiet">
            End the wall board here
          </button>
        </form>
      )}
      {requestId !== null && names && (
        <>
          <Form>
            <label for="name">Name</label>
            <input
              id="name"
              name="name"
              value={name}
              required
              autocomplete="username"
              autocapitalize="none"
              spellcheck={false}
              autofocus={!name && tried === "password"}
            />
            <label for="password">Password</label>
            <input
              id="password"
              name="password"
              type="password"
              required
              autocomplete="current-password"
              autofocus={!!name && tried === "password"}
            />
            <button type="submit" class="main">
              Sign in
            </button>
          </Form>
          <details open={tried === "code"}>
            <summary>Use a recovery code instead</summary>
            <Form>
              <label for="code-name">Name</label>
              <input id="code-name" name="name" value={name} required autocomplete="off" autocapitalize="none" />
              <label for="code">Recovery code</label>
              <input
                id="code"
                name="code"
                required
                autocomplete="off"
                autocapitalize="none"
                spellcheck={false}
                autofocus={tried === "code"}
              />
              <button type="submit" class="quiet">
                Use the code
              </button>
            </Form>
          </details>
        </>
      )}
      {requestId !== null && names && token && (
        <details open={tried === "token"}>
          <summary>Use the console's token instead</summary>
          <Token alone={false} />
        </details>
      )}
      {requestId !== null && !names && <Token alone />}
    </Sheet>
  );
}

export const SignInFragment = ({ next = "/" }: { next?: string }) => (
  <p>
    Your sign-in has ended. What you typed is kept. <a href={next}>Sign in</a>
  </p>
);
