// What `import` gives for files that are not code (host/deploy/bundle.ts). A script, not a module: only those may declare
// modules by pattern. `islet/types` has it; a project with declarations of its own for the same names takes
// `islet/types/bindings`, which does not.

declare module '*.wasm' {
  const module: WebAssembly.Module;
  export default module;
}

declare module '*.txt' {
  const text: string;
  export default text;
}

declare module '*.html' {
  const text: string;
  export default text;
}

declare module '*.htm' {
  const text: string;
  export default text;
}

declare module '*.css' {
  const text: string;
  export default text;
}

declare module '*.svg' {
  const text: string;
  export default text;
}

declare module '*.md' {
  const text: string;
  export default text;
}

declare module '*.xml' {
  const text: string;
  export default text;
}

declare module '*.csv' {
  const text: string;
  export default text;
}

declare module '*.sql' {
  const text: string;
  export default text;
}

declare module '*.graphql' {
  const text: string;
  export default text;
}
