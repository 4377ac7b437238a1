import type { MailKind } from './instance.ts';

export interface MailText {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** What a pool writes to people: links come from the host's own addresses, and nothing a user chose is in them. */
export function mailText(kind: MailKind, title: string, url: string): MailText {
  const { subject, before, action, after } = texts[kind];
  const named = `${title}: ${subject}`;
  const lines = [before, ...(url === '' ? [] : [url]), after].filter((line) => line !== '');
  const link = url === '' ? '' : `<p><a href="${escape(url)}">${escape(action)}</a></p>`;
  return {
    subject: named,
    text: `${lines.join('\n\n')}\n`,
    html: `<!doctype html><meta charset="utf-8"><p>${escape(before)}</p>${link}<p>${escape(after)}</p>`,
  };
}

interface Text {
  readonly subject: string;
  readonly before: string;
  readonly action: string;
  readonly after: string;
}

const unasked = 'If you did not ask for this, ignore this message.';
const texts: Readonly<Record<MailKind, Text>> = {
  verify: {
    subject: 'confirm your address',
    before: 'Open this link to confirm your address and sign in. It is good for an hour.',
    action: 'Confirm',
    after: unasked,
  },
  reset: {
    subject: 'choose a new password',
    before: 'Open this link to choose a new password. It is good for an hour.',
    action: 'Choose a password',
    after: unasked,
  },
  change: {
    subject: 'confirm your new address',
    before: 'Open this link to let your account have another address.',
    action: 'Confirm',
    after: 'If you did not ask for this, change your password: somebody is signed in as you.',
  },
  exists: {
    subject: 'you have an account',
    before:
      'Somebody tried to sign up with your address. You have an account already: sign in, or reset your password.',
    action: '',
    after: unasked,
  },
  invite: {
    subject: 'you are invited',
    before: 'You are invited to an organisation. Open this link to see it.',
    action: 'See the invitation',
    after: unasked,
  },
};

function escape(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
