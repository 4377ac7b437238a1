/** What is taken and kept; units in the names. SNS's figures where it has one. */
export const longestTopic = 128;
export const longestUser = 128;
export const longestId = 128;
/** JSON of one message without its attachments, as SNS has it. */
export const messageBytes: number = 256 * 1024;
export const mostAttachments = 10;
/** Of one message, together. */
export const attachmentBytes: number = 5 * 1024 * 1024;
export const mostAttributes = 30;
/** JSON of a template, and what it may make. */
export const templateBytes: number = 128 * 1024;
export const renderedBytes: number = 256 * 1024;
export const mostTemplates = 500;
/** Values of a filter policy, multiplied over its attributes, as SNS counts them. */
export const filterCombinations = 150;
export const filterKeys = 10;
export const preferenceTopics = 200;
export const mostListed = 100;
/** Contact points of one user. */
export const mostContacts = 50;
/** Items of one inbox; the oldest go. */
export const inboxItems = 500;
/** Event streams of one inbox at once, of those that the host serves: tabs and devices of one person. */
export const mostStreams = 20;
/** Characters of an item's text, and of its data as JSON: an inbox is read as a whole. */
export const inboxItemCharacters = 4000;
/** Attempts of one delivery that its log shows. */
export const loggedAttempts = 20;
/** What a Web Push message may hold in the clear: 4096 less what RFC 8188 and 8291 add. */
export const pushBytes = 3993;
/** Of an endpoint's answer. */
export const answerBytes: number = 16 * 1024;
/** The furthest `deliverAt`. */
export const mostDelayMs: number = 366 * 86_400_000;
export const confirmMs: number = 7 * 86_400_000;
/** An old webhook secret signs beside the new one for so long. */
export const rotationMs: number = 86_400_000;
export const mostInboxTokenSeconds: number = 30 * 86_400;
