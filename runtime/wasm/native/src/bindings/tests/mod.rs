mod component;
mod http_out;
mod islet;
mod kv;
mod link;
mod store;
