/** A stream that ends when the sign-in that opened it does: signing out is meant for the pages that are open, too. */

/** @param whenOver calls back once when it is over; it returns the way to stop listening. */
export function untilOver(response: Response, whenOver: (over: () => void) => () => void): Response {
  if (!response.body) return response;
  const reader = response.body.getReader();
  let stop = () => {};
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stop = whenOver(() => {
          void reader.cancel().catch(() => {});
          try {
            // A clean end: the page comes back by itself, and is told 401.
            controller.close();
          } catch {
            // ended already
          }
        });
      },
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          stop();
          controller.close();
        } catch (error) {
          stop();
          try {
            controller.error(error);
          } catch {
            // closed by its end
          }
        }
      },
      cancel(reason) {
        stop();
        return reader.cancel(reason);
      },
    },
    // Nothing is held here: a reader that does not read must be seen by whoever fills the stream.
    { highWaterMark: 0 },
  );
  return new Response(body, { status: response.status, headers: response.headers });
}
