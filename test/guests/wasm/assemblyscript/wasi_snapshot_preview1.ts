// Functions of WASI preview 1. AssemblyScript imports what a file declares from the module the file is named for.
export declare function fd_read(fd: i32, vectors: usize, count: i32, read: usize): i32;
export declare function fd_write(fd: i32, vectors: usize, count: i32, written: usize): i32;
export declare function environ_sizes_get(count: usize, bytes: usize): i32;
export declare function environ_get(pointers: usize, text: usize): i32;
export declare function proc_exit(code: i32): void;
