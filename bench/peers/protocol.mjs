// What the engines of the comparison have in common: one JSON object a line comes in, one goes out.
//
//     node PEER.mjs FOLDER_WITH_NODE_MODULES
//
// {"do":"open","folder":…,"threads":…} is answered with {"version":…}, and with {"absent":…} by an engine that cannot run it;
// {"do":"generate","streams":…,"prompt":…,"tokens":…} with {"first":…,"seconds":…,"count":…}: the seconds until every stream has its first token, and how many tokens
// came in how many seconds after that.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import path from "node:path";

/** Finds a package below the folder that the command line names. */
export const required = name => createRequire(path.join(path.resolve(process.argv[2]), "package.json"))(name);

/** The ids of a prompt: the same for all engines. */
export const prompt = (stream, length) => Array.from({ length }, (_, i) => 3 + (i * 37 + stream) % 1000);

/** Notes when tokens come. */
export class Clock {
  #started = performance.now();
  #firsts = new Map();
  #times = [];

  /** A token of a stream has come. */
  token(stream) {
    const now = (performance.now() - this.#started) / 1000;
    if (!this.#firsts.has(stream)) this.#firsts.set(stream, now);
    this.#times.push(now);
  }

  result() {
    const first = Math.max(...this.#firsts.values());
    const later = this.#times.filter(time => time > first);
    return { first, count: later.length, seconds: later.length > 0 ? Math.max(...later) - first : 0 };
  }
}

export async function serve(actions) {
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    let answer;
    try {
      answer = await actions[command.do](command);
    } catch (error) {
      answer = { absent: String(error?.message ?? error).split("\n")[0] };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
  process.exit(0);
}
