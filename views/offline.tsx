/**
 * What the service worker shows where a page did not come: that nothing is known, since when, and what can be done. It is kept
 * on the device, so nothing of a target, an operator or a setting stands in it.
 */

export const OfflinePage = ({ style, script }: { style: string; script: string }) => (
  <html lang="en">
    <head>
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width,initial-scale=1,viewport-fit=cover" />
      <title>No answer · Breakglass</title>
      <meta name="color-scheme" content="dark light" />
      <link rel="stylesheet" href={style} />
      <script src={script} defer />
    </head>
    <body>
      <main>
        <h1>Breakglass does not answer</h1>
        <p class="lead">Nothing is known about the VM now.</p>
        <p>
          No answer on this device since <time id="since">just now</time>. Nothing of before is shown: it may not be
          true any more.
        </p>
        <button type="button" id="again">
          Try again
        </button>
        <p id="trying" role="status">
          It tries by itself every 30 s, too.
        </p>
        <h2>What this means</h2>
        <ul>
          <li>
            No verb was sent from this page, and none waits to be sent later. What was running on the PVE host goes on
            there, to its end.
          </li>
          <li>Sessions go on at the server; nothing of them is lost.</li>
          <li>Is it this device? Look at its signal, its VPN, its sign-in to the network.</li>
          <li>
            Is the host or the whole site down? Then this is the cold case, and this console can't help: go to the
            host's own management board (IPMI, iDRAC, iLO), its power, or whoever stands next to it.
          </li>
        </ul>
      </main>
    </body>
  </html>
);
