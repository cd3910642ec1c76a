/**
 * The environment for programs we start; undefined removes a variable. The one reader of process.env beside config.ts:
 * a child needs all of it, also what Parley knows nothing of.
 */
export const childEnvironment = (
  changes: Record<string, string | undefined> = {},
): Record<string, string | undefined> => ({
  ...process.env,
  ...changes,
})

/** What a program needs of its surroundings: where things lie, who it is, and how it writes. */
const surroundings =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TERM|PWD|LANG|LANGUAGE|LC_.*|TZ|TZDIR|TMPDIR|TMP|TEMP|LD_LIBRARY_PATH|DYLD_.*|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA)$/i

/** The environment for programs that are not ours: none of our settings, and so no secret of them. */
export const foreignEnvironment = (
  changes: Record<string, string | undefined> = {},
): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => surroundings.test(name))),
  ...changes,
})
