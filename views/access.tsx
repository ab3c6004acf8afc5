/** Who is signed in where, and what an operator may do about it. Values in, HTML out. */
import type { Enrolled } from "../src/access/enrolled.ts";
import type { Operator } from "../src/access/operator.ts";
import type { SignIn } from "../src/access/sign-ins.ts";
import { NewPassword } from "./enrol.tsx";
import { RequestId } from "./hx.tsx";
import { plain } from "./plain.tsx";
import { Sheet } from "./sheet.tsx";
import { Ago } from "./time.tsx";

export interface AccessPageProps {
  readonly me: Operator;
  readonly signIns: readonly SignIn[];
  readonly operators: readonly Enrolled[];
  /** Null for whoever has no password here. */
  readonly codesLeft: number | null;
  /** The password was given within the last minutes. */
  readonly proved: boolean;
  readonly requestId: () => string;
  /** This console has a wall board. */
  readonly board: boolean;
  readonly note?: string;
  readonly lab?: boolean;
  readonly now: number;
}

const HOW: Record<Operator["how"], string> = {
  lab: "because this is the lab on your own machine, which asks nobody",
  edge: "signed in by the edge in front; sign out there",
  bearer: "signed in with the token, as a program",
  cookie: "signed in here, on this device",
  kiosk: "as a wall board",
};

export function AccessPage(props: AccessPageProps) {
  const { me, signIns, operators, codesLeft, proved, requestId, board, note, lab, now } = props;
  const name = me.name.replace(/^local:/, "");
  return (
    <Sheet title="Sign-ins" lab={lab}>
      <h1>Sign-ins</h1>
      {note && (
        <p class="held" role="alert">
          <b>{plain(note)}</b>
        </p>
      )}
      <p>
        You are <b>{plain(me.name)}</b>, {HOW[me.how]}.
      </p>
      {me.sign_in && (
        <form method="post" action="/logout" class="do">
          <RequestId value={requestId()} />
          <button type="submit" class="quiet">
            Sign out
          </button>
        </form>
      )}
      {board && (
        <form method="post" action="/access/kiosk" class="stack">
          <RequestId value={requestId()} />
          <button type="submit" class="quiet">
            Open the wall board on this device
          </button>
          <p>
            From then on this device shows the board and can do nothing else, until it is signed out here or there. It
            has no time limit.
          </p>
        </form>
      )}
      <h2>Signed in here</h2>
      {signIns.length === 0 ? (
        <p>Nobody is signed in with a password, a code or the token.</p>
      ) : (
        <>
          <ul class="list">
            {signIns.map((one) => (
              <li>
                <b>{plain(one.name)}</b> {one.kind === "kiosk" && <span class="tag">wall board</span>}{" "}
                {one.id === me.sign_in?.id && <span class="tag">this device</span>}
                <small>
                  {plain(one.device)}, {plain(one.came_from)} · {one.kind === "kiosk" ? "opened" : `by ${one.how}`}{" "}
                  <Ago at={one.begun_at} now={now} /> · seen <Ago at={one.seen_at} now={now} />
                </small>
                <form method="post" action="/access/revoke">
                  <RequestId value={requestId()} />
                  <input type="hidden" name="sign_in" value={one.id} />
                  <button type="submit" class="quiet" aria-label={`End the sign-in of ${one.name}, ${one.device}`}>
                    End
                  </button>
                </form>
              </li>
            ))}
          </ul>
          <form method="post" action="/access/revoke" class="do">
            <RequestId value={requestId()} />
            <button type="submit" class="quiet" name="all" value="mine">
              End all of mine
            </button>{" "}
            <button type="submit" class="quiet" name="all" value="everybody">
              End everybody's
            </button>
          </form>
        </>
      )}
      <p>
        A sign-in ends after 30 minutes without a tap, and after 12 hours. Programs with the token, and people whom the
        edge signs in, are not in this list.
      </p>
      <h2>Enrolled operators</h2>
      {operators.length === 0 ? (
        <p>Nobody is enrolled yet.</p>
      ) : (
        <ul class="list">
          {operators.map((one) => (
            <li>
              <b>{one.name}</b>
              <small>
                {one.codes_left} recovery {one.codes_left === 1 ? "code" : "codes"} left · enrolled{" "}
                <Ago at={one.enrolled_at} now={now} />
              </small>
            </li>
          ))}
        </ul>
      )}
      <p>
        At the server's own terminal: <code>bun run access enrol &lt;name&gt;</code>
      </p>
      {codesLeft !== null && (
        <>
          <h2>Your password and codes</h2>
          {codesLeft < 3 && (
            <p class="held">
              <b>
                You have {codesLeft} recovery {codesLeft === 1 ? "code" : "codes"} left; make new ones.
              </b>
            </p>
          )}
          {proved ? (
            <>
              <form method="post" action="/access/password" class="stack">
                <RequestId value={requestId()} />
                <NewPassword name={name} label="New password" />
                <button type="submit" class="quiet">
                  Change the password
                </button>
              </form>
              <form method="post" action="/access/codes" class="stack">
                <RequestId value={requestId()} />
                <p>Ten new recovery codes; the old ones end.</p>
                <button type="submit" class="quiet">
                  Make new codes
                </button>
              </form>
            </>
          ) : (
            <p>
              To change them, <a href="/access/again?next=/access">give your password once more</a>.
            </p>
          )}
        </>
      )}
    </Sheet>
  );
}
