/**
 * Runs before every test file: nothing of the person or machine that runs the tests may reach them. No keys, no agent
 * sockets, no settings, no proxies; UTC and plain English. What a test needs it sets itself.
 */
const KEPT = /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|TMPDIR|XDG_CACHE_HOME|CI|NO_COLOR|FORCE_COLOR|BUN_.*|npm_.*)$/i;

for (const name of Object.keys(process.env)) if (!KEPT.test(name)) delete process.env[name];
process.env.TZ = "UTC";
process.env.LANG = "C.UTF-8";
