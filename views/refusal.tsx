/** A refusal as a fragment and as a page of its own: what was refused, what to do next. */
export const RefusalFragment = ({ sentence }: { sentence: string }) => (
  <p class="note refused" role="alert">
    {sentence}
  </p>
);

export const RefusalPage = ({ status, sentence }: { status: number; sentence: string }) => (
  <html lang="en">
    <head>
      <title>{`${status} · Breakglass`}</title>
    </head>
    <body>
      <main>
        <p role="alert">{sentence}</p>
        <p>
          <a href="/">To the console</a>
        </p>
      </main>
    </body>
  </html>
);
