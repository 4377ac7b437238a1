import type { Verb } from './verb.ts';
import { bench } from './verbs/bench.ts';
import { deleteVerb } from './verbs/delete.ts';
import { deploy } from './verbs/deploy.ts';
import { dev } from './verbs/dev.ts';
import { doctor } from './verbs/doctor.ts';
import { host } from './verbs/host.ts';
import { invoke } from './verbs/invoke.ts';
import { kv } from './verbs/kv.ts';
import { list } from './verbs/list.ts';
import { logs } from './verbs/logs.ts';
import { rollback } from './verbs/rollback.ts';
import { secret } from './verbs/secret.ts';
import { types } from './verbs/types.ts';
import { usage } from './verbs/usage.ts';
import { vars } from './verbs/vars.ts';
import { versions } from './verbs/versions.ts';
import { weights } from './verbs/weights.ts';

/** Everything `islet` does, in the order its help shows. */
export const verbs: readonly Verb[] = [
  host,
  dev,
  deploy,
  invoke,
  list,
  versions,
  rollback,
  weights,
  deleteVerb,
  logs,
  ...secret,
  ...vars,
  ...kv,
  types,
  usage,
  bench,
  doctor,
];
