import { parseMembers, parseObject, refuse } from './arguments.ts';
import { preferenceTopics } from './limits.ts';
import { parseQuietHours } from './quiet-hours.ts';
import type { QuietHours } from './quiet-hours.ts';

/** Ways to a person; functions and webhooks are nobody's preference. */
export const personalChannels = ['email', 'push', 'inbox'] as const;
export type PersonalChannel = (typeof personalChannels)[number];

/** What a user wants. */
export interface Preferences {
  /** By topic, `*` for those not named: which channels are on. Absent means on. */
  readonly topics: Readonly<Record<string, Readonly<Partial<Record<PersonalChannel, boolean>>>>>;
  readonly quietHours?: QuietHours;
}

export const noPreferences: Preferences = { topics: {} };

/** Throws TypeError or HostError ERR_NOTIFY. `false` for a topic means no channel of it. */
export function parsePreferences(value: unknown): Preferences {
  const members = parseMembers('preferences', value, ['topics', 'quietHours']);
  const topics = parseObject('preferences.topics', members['topics'] ?? {});
  const names = Object.keys(topics);
  if (names.length > preferenceTopics) {
    throw refuse(`Cannot set preferences: ${names.length} topics are named; use ${preferenceTopics} at most`);
  }
  const quiet = members['quietHours'];
  return {
    topics: Object.fromEntries(names.map((name) => [name, parseChannels(name, topics[name])])),
    ...(quiet === undefined || quiet === null ? {} : { quietHours: parseQuietHours(quiet) }),
  };
}

function parseChannels(topic: string, value: unknown): Partial<Record<PersonalChannel, boolean>> {
  if (typeof value === 'boolean')
    return Object.fromEntries(personalChannels.map((channel) => [channel, value]));
  const members = parseMembers(`preferences of ${JSON.stringify(topic)}`, value, personalChannels);
  for (const [channel, on] of Object.entries(members)) {
    if (typeof on !== 'boolean')
      throw new TypeError(
        `preference ${channel} of ${JSON.stringify(topic)} is ${typeof on}; use true or false`,
      );
  }
  return members;
}

/** What is said of the topic counts, then what is said of `*`. */
export function isWanted(
  preferences: Preferences,
  topic: string | undefined,
  channel: PersonalChannel,
): boolean {
  const { topics } = preferences;
  const own = topic !== undefined && Object.hasOwn(topics, topic) ? topics[topic]?.[channel] : undefined;
  return own ?? topics['*']?.[channel] ?? true;
}

/** The same with one channel of a topic off, `*` when no topic is given. */
export function withoutChannel(
  preferences: Preferences,
  topic: string | undefined,
  channel: PersonalChannel,
): Preferences {
  const name = topic ?? '*';
  const { topics } = preferences;
  return {
    ...preferences,
    topics: { ...topics, [name]: { ...(Object.hasOwn(topics, name) ? topics[name] : {}), [channel]: false } },
  };
}
