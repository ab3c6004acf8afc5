/** Waiting with a limit: whether something came true in time. What is then done about it is the caller's to know. */

/** False after so many milliseconds; what came too late is dropped, a late rejection too. Rejects if the promise does in time. */
export async function within(promise: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return Promise.race([promise.then(() => true as const), late]).finally(() => clearTimeout(timer));
}
