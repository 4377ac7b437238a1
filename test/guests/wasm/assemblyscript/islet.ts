// The functions named `islet`: runtime/wasm/native/wit/islet-imports.md.
export declare function call(request: usize, length: i32, body: usize, bodyLength: i32): i32;
export declare function answer(into: usize): void;
export declare function body_len(): i32;
export declare function body(into: usize): void;
