/** A password: what is asked of one, and its hash, argon2id as OWASP recommends it (19 MiB, two passes). It knows no names. */
export const LEAST_CHARACTERS = 12;
const MOST_CHARACTERS = 256;
/** KiB. */
const MEMORY = 19 * 1024;
const PASSES = 2;

export const PASSWORD_ADVICE = `At least ${LEAST_CHARACTERS} characters. Four or five words that have nothing to do with each other are good, and easy to type on a phone.`;

/** Null when it will do, else the sentence that says what is wrong with it. */
export function whyNot(password: string, name: string): string | null {
  const characters = [...password].length;
  if (characters < LEAST_CHARACTERS)
    return `That password has ${characters} characters; it opens root on the PVE host, so give it ${LEAST_CHARACTERS} or more.`;
  if (characters > MOST_CHARACTERS)
    return `That password is longer than ${MOST_CHARACTERS} characters; give a shorter one.`;
  if (new Set(password.toLowerCase()).size < 6)
    return "That password is made of too few different characters; give it more of them.";
  if (password.toLowerCase().replaceAll(name, "").length < LEAST_CHARACTERS / 2)
    return "That password is hardly more than the name; give another one.";
  return null;
}

export const hashPassword = (password: string): Promise<string> =>
  Bun.password.hash(composed(password), { algorithm: "argon2id", memoryCost: MEMORY, timeCost: PASSES });

/** Against a hash of ours; for a name that nobody has, against one that nothing fits, so that both take the same time. */
export async function isPassword(password: string, hash: string | null): Promise<boolean> {
  nothing ??= hashPassword(crypto.randomUUID());
  const right = await Bun.password.verify(composed(password), hash ?? (await nothing));
  return right && hash !== null;
}

let nothing: Promise<string> | null = null;

/** Phones and desktops write an `é` in different bytes. */
const composed = (password: string): string => password.slice(0, 4 * MOST_CHARACTERS).normalize("NFC");
