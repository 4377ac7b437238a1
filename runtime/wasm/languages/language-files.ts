/** What lies in a deployment's `.islet` folder for its language: text by file name. */
export type LanguageFiles = Readonly<Record<string, string>>;
